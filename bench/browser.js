/** Chromium with WebGPU on its software adapter, and a server of the pages that it opens. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const PATH = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ARGUMENTS = ['--no-sandbox', '--disable-gpu-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic']
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm' }

/** What hinders the bench from measuring in a browser, or undefined. */
export const missingBrowser = () => (existsSync(PATH) ? undefined : `there is no browser at ${PATH}: install chromium, or set CHROMIUM to the path of one`)

/** A new browser process with a profile of its own. */
export function launchBrowser() {
  const { chromium } = createRequire(new URL('../package.json', import.meta.url))('playwright-core')
  return chromium.launch({ executablePath: PATH, args: ARGUMENTS })
}

/** Serves `files` (bytes by path) on this machine; `served` adds up what has been sent, by path. */
export async function serve(files) {
  const served = new Map()
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname.slice(1), body = files.get(path)
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': TYPES[path.split('.').at(-1)] ?? 'application/octet-stream', 'Content-Length': body?.length ?? 0, 'Cache-Control': 'no-store' })
    response.end(body ?? '')
    served.set(path, (served.get(path) ?? 0) + (body?.length ?? 0))
  })
  await new Promise((done) => { server.listen(0, '127.0.0.1', done) })
  return { url: `http://127.0.0.1:${server.address().port}/`, served, close: () => { server.closeAllConnections(); server.close() } }
}
