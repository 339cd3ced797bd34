/** Engines by target name for the backend tests. */
import { compile, load, TARGETS } from '../src/index.js'
import { Session } from '../src/runtime/session.js'
import { HOST_TOOLS } from '../src/runtime/wasm/host.js'
import { threadedHost } from '../src/runtime/wasm/threads.js'
import { interpretEngine, type Engine } from './backend-case.js'

/** The engine of a target: `interpret` runs the imported graph by the ops' references; any other compiles it and runs the program, on wasm with so many threads, which then share every step that they can. */
export function engineOf(target: string, threads = 1): Engine {
  if (target === 'interpret') return interpretEngine
  const known = TARGETS.find((t) => t === target)
  if (known === undefined) throw new Error(`there is no target '${target}'; there are interpret, ${TARGETS.join(', ')}`)
  if (threads > 1) return async (graph) => {
    const { data } = await compile(graph, { target: known })
    return async (feeds) => {
      // A program in parts makes the sessions of its parts itself.
      using session = data.header.measured === undefined ? new Session(data, await threadedHost(data, threads, HOST_TOOLS, 0), {}) : await load(data, { threads })
      return await session.run(feeds)
    }
  }
  return async (graph) => {
    const session = await load(await compile(graph, { target: known }))
    return async (feeds) => {
      const results = known === 'wgsl' ? await session.run(feeds) : session.runSync(feeds)
      if (known === 'wgsl') session.dispose()
      return results
    }
  }
}
