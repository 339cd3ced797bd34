/** Engines by target name for the backend tests. */
import { compile, load, TARGETS } from '../src/index.js'
import { interpretEngine, type Engine } from './backend-case.js'

/** The engine of a target: `interpret` runs the imported graph by the ops' references; any other compiles it and runs the program. */
export function engineOf(target: string): Engine {
  if (target === 'interpret') return interpretEngine
  const known = TARGETS.find((t) => t === target)
  if (known === undefined) throw new Error(`there is no target '${target}'; there are interpret, ${TARGETS.join(', ')}`)
  return async (graph) => {
    const session = await load(await compile(graph, { target: known }))
    return async (feeds) => {
      const results = known === 'wgsl' ? await session.run(feeds) : session.runSync(feeds)
      if (known === 'wgsl') session.dispose()
      return results
    }
  }
}
