/** Threads in a page: where it is cross-origin isolated workers do the work, elsewhere one thread and a notice; the results are the same. */
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile } from '../../src/compile.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { parseGraph } from '../../src/ir/parse.js'
import { load } from '../../src/runtime/session.js'
import { ROOT } from '../source-files.js'
import { haveChromium, launchChromium } from './chromium.js'
import { servePages } from './serve-pages.js'

const GRAPH = parseGraph('graph @g stage=inference (x: float32[n, 64], w: float32[64, 96], i: int64[n]) -> (y: float32[n, 96]) {\n  symbol n = extent(x, 0)\n  %p: float32[n, 96] = matmul(%x, %w) {trans_a=false, trans_b=false}\n  %s: float32[n, 96] = softmax(%p) {axis=1}\n  %y: float32[n, 96] = gather(%s, %i) {axis=0}\n  return y = %y\n}')
const ROWS = 600
const x = seededTensor('float32', [ROWS, 64], 1), w = seededTensor('float32', [64, 96], 2)

/** Loads the model, runs it, fails in a run, runs again; on the page and in a worker of it. */
const PAGE = `
  import { load } from './index.js'
  const feeds = async (bad) => {
    const read = async (name) => new Float32Array(await (await fetch(name)).arrayBuffer())
    const i = BigInt64Array.from({ length: ${ROWS} }, (_, k) => BigInt(k === bad ? ${ROWS} : (k * 7) % ${ROWS}))
    return { x: { dtype: 'float32', shape: [${ROWS}, 64], data: await read('x.ingot') }, w: { dtype: 'float32', shape: [64, 96], data: await read('w.ingot') }, i: { dtype: 'int64', shape: [${ROWS}], data: i } }
  }
  const digest = (t) => Array.from(new Uint8Array(t.data.buffer)).reduce((h, b) => (Math.imul(h, 31) + b) | 0, 7)
  globalThis.check = async () => {
    const good = await feeds(-1), bad = await feeds(500), digests = []
    const session = await load('model.ingot', { threads: 2 })
    for (let k = 0; k < 3; k++) digests.push(digest((await session.run(good)).y))
    digests.push(...(await Promise.all([session.run(good), session.run(good)])).map((r) => digest(r.y)))
    const error = await session.run(bad).then(() => 'none', (e) => e.code + ': ' + e.message)
    digests.push(digest((await session.run(good)).y), digest(session.runSync(good).y))
    session.startProfile()
    await session.run(good)
    const timed = session.profile().steps.every((s) => s.ms > 0)
    const notices = session.notices
    session.dispose()
    return { isolated: crossOriginIsolated, digests, error, timed, notices: [...notices] }
  }
`

const digest = (data: Float32Array): number => Array.from(new Uint8Array(data.buffer)).reduce((h, b) => (Math.imul(h, 31) + b) | 0, 7)

describe.skipIf(!haveChromium())('threads in a browser', () => {
  const files = new Map<string, Uint8Array | string>()
  let browser: Browser, wanted: number, wantedError: string

  beforeAll(async () => {
    const built = await build({ entryPoints: ['src/runtime/index.ts', 'src/runtime/wasm/worker.ts'].map((f) => `${ROOT}/${f}`), outdir: '/', entryNames: '[name]', bundle: true, splitting: true, format: 'esm', platform: 'browser', target: 'es2022', write: false })
    for (const { path, contents } of built.outputFiles) files.set(path.replace(/^.*\//, ''), contents)
    // The same instructions as in Node, which may have no relaxed SIMD.
    const program = await compile(GRAPH, { features: 'baseline' })
    files.set('model.ingot', program.encode())
    files.set('x.ingot', new Uint8Array((x.data as Float32Array).buffer)).set('w.ingot', new Uint8Array((w.data as Float32Array).buffer))
    files.set('page.js', PAGE).set('worker-page.js', "import './page.js'\nonmessage = async () => postMessage(await check())")
    files.set('', '<!doctype html><title>threads</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>')
    using session = await load(program.data)
    const feeds = (bad: number): Parameters<typeof session.runSync>[0] => ({ x, w, i: { dtype: 'int64', shape: [ROWS], data: BigInt64Array.from({ length: ROWS }, (_, k) => BigInt(k === bad ? ROWS : (k * 7) % ROWS)) } })
    wanted = digest(session.runSync(feeds(-1))['y']?.data as Float32Array)
    try { session.runSync(feeds(500)) } catch (error) { wantedError = `${(error as { code: string }).code}: ${(error as Error).message}` }
    browser = await launchChromium()
  }, 120_000)
  afterAll(() => browser?.close())

  const visit = async (isolated: boolean, where: 'page' | 'worker'): Promise<{ readonly result: { readonly isolated: boolean; readonly digests: readonly number[]; readonly error: string; readonly timed: boolean; readonly notices: readonly string[] }; readonly warnings: readonly string[]; readonly workers: number }> => {
    await using server = await servePages(files, isolated)
    const page = await browser.newPage(), warnings: string[] = []
    let workers = 0
    page.on('console', (message) => { if (message.type() === 'warning') warnings.push(message.text()) })
    page.on('worker', () => { workers++ })
    await page.goto(server.url)
    const result = await page.evaluate(where === 'page'
      ? 'import("./page.js").then(() => check())'
      : "new Promise((done, fail) => { const w = new Worker('worker-page.js', { type: 'module' }); w.onmessage = ({ data }) => done(data); w.onerror = fail; w.postMessage(0) })") as Awaited<ReturnType<typeof visit>>['result']
    await page.close()
    return { result, warnings, workers }
  }

  test('an isolated page has as many workers as threads, and its own thread never waits', async () => {
    const { result, warnings, workers } = await visit(true, 'page')
    expect(result.isolated).toBe(true)
    expect(result.digests).toEqual(Array.from({ length: 7 }, () => wanted))
    expect(result.error).toBe(wantedError)
    expect(result.timed).toBe(true)
    expect(workers).toBe(2)
    // That the synchronous run was not shared is said too.
    expect(result.notices).toEqual([expect.stringContaining('runSync has one thread')])
    expect(warnings).toEqual([expect.stringContaining('runSync has one thread')])
  })

  test('a worker of an isolated page is one of the threads itself', async () => {
    const { result, workers } = await visit(true, 'worker')
    expect(result.digests).toEqual(Array.from({ length: 7 }, () => wanted))
    expect(result.error).toBe(wantedError)
    expect(result.notices).toEqual([])
    expect(workers).toBeGreaterThanOrEqual(1)
  })

  test('a page that is not isolated has one thread, says so once, and gives the same results', async () => {
    const { result, warnings, workers } = await visit(false, 'page')
    expect(result.isolated).toBe(false)
    expect(result.digests).toEqual(Array.from({ length: 7 }, () => wanted))
    expect(result.error).toBe(wantedError)
    expect(workers).toBe(0)
    expect(result.notices).toEqual([expect.stringContaining('not cross-origin isolated')])
    expect(warnings).toEqual([expect.stringContaining('not cross-origin isolated')])
  })
})
