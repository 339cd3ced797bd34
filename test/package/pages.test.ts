/** Pages of users: with the package's files from another origin and no bundler, and with Vite's bundle (Vite comes with vitest). */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveChromium, launchChromium } from '../browser/chromium.js'
import { servePages } from '../browser/serve-pages.js'
import { installInto } from './installed.js'

/** Compiles a product, runs it on two threads until they take part, and again from its artefact in the runtime alone. */
const CHECK = `
  const graph = parseGraph('graph @g stage=inference (x: float32[n, 64], w: float32[64, 64]) -> (y: float32[n, 64]) {\\n  symbol n = extent(x, 0)\\n  %y: float32[n, 64] = matmul(%x, %w) {trans_a=false, trans_b=false}\\n  return y = %y\\n}')
  const x = { dtype: 'float32', shape: [256, 64], data: Float32Array.from({ length: 256 * 64 }, (_, i) => i % 7) }
  const w = { dtype: 'float32', shape: [64, 64], data: Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 65 === 0 ? 2 : 0)) }
  const program = (await compile(graph, { target: 'wasm' })).encode(), said = []
  for (const open of [load, loadProgram]) {
    const session = await open(program, { threads: 2 })
    for (let i = 0; i < 3; i++) {
      const { y } = await session.run({ x, w })
      if (i === 2) said.push(y.data.every((v, k) => v === 2 * (k % 7)), [...session.notices])
    }
    session.dispose()
  }
  globalThis.checked = said
  console.log('checked')
`
const HTML = (script: string): string => `<!doctype html><title>a user's page</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`

function filesUnder(folder: string): Map<string, Uint8Array> {
  return new Map(readdirSync(folder, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).map((e) => {
    const path = join(e.parentPath, e.name)
    return [path.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(path)]
  }))
}

describe.skipIf(!haveChromium())('a page of a user', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ingot-user-pages-')), user = join(folder, 'user')
  let browser: Browser

  beforeAll(async () => {
    await installInto(folder)
    browser = await launchChromium()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What the check said in a cross-origin isolated page of these files, how many workers it had, and what went wrong. */
  async function visit(files: ReadonlyMap<string, Uint8Array | string>, policy: string): Promise<{ readonly checked: unknown; readonly workers: number; readonly troubles: readonly string[] }> {
    await using server = await servePages(files, true, policy)
    const page = await browser.newPage(), troubles: string[] = []
    let workers = 0
    page.on('worker', () => { workers++ })
    page.on('console', (message) => { if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text()) })
    page.on('pageerror', (error) => troubles.push(String(error)))
    const ended = page.waitForEvent('console', { predicate: (message) => message.text() === 'checked', timeout: 30_000 }).catch(() => troubles.push('the check did not end'))
    await page.goto(`${server.url}index.html`)
    await ended
    const checked = await page.evaluate('globalThis.checked ?? null')
    await page.close()
    return { checked, workers, troubles }
  }

  test('imports the shipped modules from another origin without a bundler, with threads, and without evaluation', async () => {
    await using cdn = await servePages(filesUnder(join(user, 'node_modules/ingot/dist/browser')), false)
    const origin = cdn.url.slice(0, -1)
    const page = `import { compile, load, parseGraph } from '${cdn.url}ingot.js'\nimport { load as loadProgram } from '${cdn.url}runtime.js'\n${CHECK}`
    const { checked, workers, troubles } = await visit(new Map([['index.html', HTML('page.js')], ['page.js', page]]), `default-src 'none'; script-src 'self' ${origin} 'wasm-unsafe-eval'; worker-src blob: ${origin}; img-src data:`)
    expect(troubles).toEqual([])
    expect(checked).toEqual([true, [], true, []])
    expect(workers).toBe(4)
  })

  test('is made by Vite without any setting, with threads', async () => {
    const app = join(user, 'app')
    mkdirSync(app)
    writeFileSync(join(app, 'index.html'), HTML('/page.js'))
    writeFileSync(join(app, 'page.js'), `import { compile, load, parseGraph } from 'ingot'\nimport { load as loadProgram } from 'ingot/runtime'\n${CHECK}`)
    await build({ root: app, configFile: false, logLevel: 'error', build: { outDir: join(app, 'out'), target: 'es2022' } })
    const { checked, workers, troubles } = await visit(filesUnder(join(app, 'out')), "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src data:")
    expect(troubles).toEqual([])
    expect(checked).toEqual([true, [], true, []])
    expect(workers).toBe(4)
  })
})
