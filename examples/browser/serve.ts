/**
 * Builds the page into dist/site and serves it with the headers that threads need.
 *
 *   npm run example:browser              prints the address
 *   npm run example:browser -- 8080      on this port
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, extname, join } from 'node:path'
import { buildSite, policyOf } from './site.js'

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }
const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const

function serve(files: ReadonlyMap<string, Uint8Array>, port: number): Promise<Server> {
  const headers = { ...HEADERS, 'Content-Security-Policy': policyOf(files) }
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1) || 'index.html', file = files.get(name)
    response.writeHead(file === undefined ? 404 : 200, { ...headers, 'Content-Type': TYPES[extname(name)] ?? 'text/plain' })
    response.end(file ?? '')
  })
  return new Promise((done, fail) => { server.on('error', fail).listen(port, '127.0.0.1', () => { done(server) }) })
}

const files = await buildSite(process.cwd()), folder = join('dist', 'site')
await rm(folder, { recursive: true, force: true })
for (const [name, bytes] of files) {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), bytes)
}
const server = await serve(files, Number(process.argv[2] ?? 0))
console.log(`http://localhost:${(server.address() as AddressInfo).port}/   (the same files are in ${folder}, for any server)`)
