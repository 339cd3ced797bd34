/** A server of pages from memory, for tests in a browser. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface PageServer extends AsyncDisposable {
  /** With a slash at the end. */
  readonly url: string
}

/** What makes a page cross-origin isolated. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } as const
/** What a server says whose files pages of any origin may import. */
const ANY_ORIGIN = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' } as const
const TYPES: Readonly<Record<string, string>> = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', ingot: 'application/octet-stream' }

/** Serves `files` by their paths on this machine; `isolated` pages may share memory among threads; `policy` says what pages and workers may load. */
export async function servePages(files: ReadonlyMap<string, Uint8Array | string>, isolated: boolean, policy?: string): Promise<PageServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname.slice(1), file = files.get(path)
    response.writeHead(file === undefined ? 404 : 200, { 'Content-Type': TYPES[path.split('.').at(-1) ?? ''] ?? 'text/plain', ...ANY_ORIGIN, ...(isolated && ISOLATION), ...(policy !== undefined && { 'Content-Security-Policy': policy }) })
    response.end(file ?? '')
  })
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => { server.close(done) })
    },
  }
}
