/** Engines by target name for the backend tests. */
import { interpretEngine, type Engine } from './backend-case.js'

/** The engine of a target: `interpret`, or a target that graphs are compiled for. */
export async function engineOf(target: string): Promise<Engine> {
  if (target === 'interpret') return interpretEngine
  throw new Error(`there is no target '${target}'`)
}
