/** Workers of Node and of browsers as threads of a team. */
import type { StartThread } from './team.js'
import type { Report } from './worker.js'

interface NodeWorker {
  postMessage(message: unknown): void
  on(event: string, listener: (value: never) => void): void
  ref(): void
  unref(): void
  terminate(): unknown
}

/** True in Node and what is like it. */
const inNode = (): boolean => typeof process === 'object' && Boolean(process?.versions?.node)

/** What starts workers here; undefined where there are none. */
export async function threadStarter(): Promise<StartThread | undefined> {
  if (inNode()) {
    // The name stands in a variable so that bundlers for browsers do not look for the module.
    const name = 'node:worker_threads'
    const { Worker: Node } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { readonly Worker: new (url: URL, options: object) => NodeWorker }
    return (hear, fail) => {
      const worker = new Node(new URL('./worker.js', import.meta.url), { execArgv: [], name: 'ingot' })
      worker.on('message', hear as (report: Report) => void)
      worker.on('error', fail)
      worker.on('exit', (code: number) => fail(new Error(`the worker ended with code ${code}`)))
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
      return { post: (e) => worker.postMessage(e), hold: (alive) => (alive ? worker.ref() : worker.unref()), end: () => void worker.terminate() }
    }
  }
  if (typeof Worker === 'undefined') return undefined
  return (hear, fail) => {
    const worker = workerOfOrigin() ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'ingot' })
    worker.addEventListener('message', ({ data }: MessageEvent<Report>) => hear(data))
    worker.addEventListener('error', (event) => fail(new Error(event.message ?? 'the worker could not be loaded')))
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
    return { post: (e) => worker.postMessage(e), hold: () => undefined, end: () => worker.terminate() }
  }
}

/** Where this file comes from another origin (from a CDN), a worker whose own script is of the page's and imports the other. */
function workerOfOrigin(): Worker | undefined {
  // The name stands in a variable so that bundlers do not take it for an asset.
  const name = 'worker.js', url = new URL(name, import.meta.url)
  if (url.origin === globalThis.origin || !url.protocol.startsWith('http')) return undefined
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)}`], { type: 'text/javascript' }))
  return new Worker(script, { type: 'module', name: 'ingot' })
}

/** Why memory cannot be shared among threads here; undefined where it can. */
export function whyNoSharing(): string | undefined {
  if (typeof SharedArrayBuffer !== 'undefined' && globalThis.crossOriginIsolated !== false) return undefined
  return 'the page is not cross-origin isolated (serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
}

/** Whether this thread may wait for others; a page's main thread must not. */
export function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0)
    return true
  } catch {
    return false
  }
}
