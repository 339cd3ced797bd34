/** The page of examples/browser: opens models under a policy without evaluation, runs them on both targets, and says what is missing. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildSite, policyOf } from '../../examples/browser/site.js'
import { decodeProgram, inferenceMode, manualSeed, nn, toOnnx, trace } from '../../src/index.js'
import { ROOT } from '../source-files.js'
import { haveChromium, launchChromium, SOFTWARE_ADAPTER } from './chromium.js'
import { servePages, type PageServer } from './serve-pages.js'

/** A classifier with an axis of any extent. */
function classifier(): Uint8Array {
  manualSeed(3)
  const layers = new nn.Sequential(new nn.Linear(12, 24), new nn.ReLU(), new nn.Linear(24, 5), new nn.Softmax(1))
  return toOnnx(inferenceMode(() => trace(layers.eval(), [{ shape: ['rows', 12] }], { names: ['x'], outputs: ['y'] })))
}

/** Says in a page or in a worker whether text can become code there. */
const PROBE = "try { Function('return 1')(); globalThis.probed = 'allowed' } catch (error) { globalThis.probed = error.name } if (typeof document === 'undefined') postMessage(globalThis.probed)"

describe.skipIf(!haveChromium())('the page that compiles models', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ingot-page-')), model = join(folder, 'classifier.onnx'), text = join(folder, 'notes.onnx')
  let isolated: PageServer, plain: PageServer, withGpu: Browser, withoutGpu: Browser

  beforeAll(async () => {
    writeFileSync(model, classifier())
    writeFileSync(text, 'these are notes')
    const files = await buildSite(ROOT)
    files.set('probe.js', new TextEncoder().encode(PROBE))
    isolated = await servePages(files, true, policyOf(files))
    plain = await servePages(files, false)
    withGpu = await launchChromium(SOFTWARE_ADAPTER)
    withoutGpu = await launchChromium(['--disable-gpu'])
  }, 120_000)
  afterAll(async () => {
    await Promise.all([withGpu, withoutGpu].map((b) => b.close()))
    await Promise.all([isolated, plain].map((s) => s[Symbol.asyncDispose]()))
    rmSync(folder, { recursive: true })
  })

  /** A visit, and all that the console said which is no notice of ours. */
  async function visit(browser: Browser, server: PageServer): Promise<{ readonly page: Page; readonly troubles: readonly string[] }> {
    const page = await browser.newPage(), troubles: string[] = []
    page.on('console', (message) => { if (message.type() === 'error' || /Content Security Policy/.test(message.text())) troubles.push(message.text()) })
    page.on('pageerror', (error) => troubles.push(String(error)))
    await page.goto(`${server.url}index.html`)
    await page.waitForSelector('#environment li')
    return { page, troubles }
  }

  async function openAndRun(page: Page, file: string): Promise<void> {
    await page.setInputFiles('#files', file)
    await page.waitForSelector('#model form')
    for (const field of await page.locator('#model input[name^="symbol:"]').all()) await field.fill('7')
    await page.fill('[name=runs]', '2')
    await page.locator('#model [type=submit]').press('Enter')
    await page.waitForSelector('#results section')
  }

  test('a model runs on wasm and on wgsl with the same results, and its artefact can be downloaded', async (context) => {
    const { page, troubles } = await visit(withGpu, isolated)
    if (/missing/.test(await page.innerText('#environment'))) {
      console.warn('skipped: the browser has no adapter for WebGPU, not in software either')
      return context.skip()
    }
    await openAndRun(page, model)
    expect(await page.locator('#model tbody').first().innerText()).toMatch(/input\s+x\s+float32\s+\[\w+, 12\]\s+output\s+y\s+float32\s+\[\w+, 5\]/)
    expect(await page.locator('article h3').allInnerTexts()).toEqual(['wasm', 'wgsl'])
    const outputs = page.locator('[aria-label=Outputs] tbody tr')
    expect(await outputs.count()).toBe(2)
    for (const row of await outputs.allInnerTexts()) expect(row).toContain('[7, 5]')
    expect(Number(await page.innerText('.difference'))).toBeLessThanOrEqual(1e-5)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download wgsl.ingot')])
    expect(download.suggestedFilename()).toBe('classifier.wgsl.ingot')
    expect(decodeProgram(readFileSync(await download.path())).header.target).toBe('wgsl')
    expect(troubles).toEqual([])
    await page.close()
  })

  test('an artefact runs on its own target alone', async () => {
    const { page, troubles } = await visit(withoutGpu, isolated)
    await openAndRun(page, model)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download wasm.ingot')])
    const artefact = join(folder, 'again.ingot')
    await download.saveAs(artefact)
    const first = await page.innerText('[aria-label=Outputs] tbody')
    await openAndRun(page, artefact)
    expect(await page.innerText('h2')).toBe('again.ingot')
    expect(await page.innerText('[aria-label=Outputs] tbody')).toBe(first)
    expect(troubles).toEqual([])
    await page.close()
  })

  test('a page without WebGPU and without isolation says so, and runs on wasm with one thread', async () => {
    const { page, troubles } = await visit(withoutGpu, plain)
    const environment = await page.innerText('#environment')
    expect(environment).toMatch(/Threads one: the page is not cross-origin isolated/)
    expect(environment).toMatch(/WebGPU missing: \w+/)
    await openAndRun(page, model)
    expect(await page.locator('[aria-label=Outputs] tbody tr').count()).toBe(1)
    expect(await page.locator('.difference').count()).toBe(0)
    expect(troubles).toEqual([])
    await page.close()
  })

  test('a file that is no model gives its error and what to do, and the page works on', async () => {
    const { page, troubles } = await visit(withoutGpu, isolated)
    await page.setInputFiles('#files', text)
    await page.waitForSelector('#problem:not([hidden])')
    expect(await page.innerText('#problem')).toMatch(/text, not an ONNX model[^]*Hint: [^]*Code: not-onnx/)
    await page.focus('#example')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#model form')
    expect(await page.isHidden('#problem')).toBe(true)
    expect(troubles).toEqual([])
    await page.close()
  })

  test('a file is opened where it is dropped', async () => {
    const { page, troubles } = await visit(withoutGpu, isolated)
    const bytes = JSON.stringify([...readFileSync(model)])
    await page.evaluate(`{ const dataTransfer = new DataTransfer(); dataTransfer.items.add(new File([Uint8Array.from(${bytes})], 'dropped.onnx')); document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true })) }`)
    await page.waitForSelector('#model form')
    expect(await page.innerText('h2')).toBe('dropped.onnx')
    expect(troubles).toEqual([])
    await page.close()
  })

  test('the policy of the page and its workers forbids evaluation, and there is no script in the markup', async () => {
    const { page } = await visit(withoutGpu, isolated)
    await page.addScriptTag({ url: 'probe.js' })
    expect(await page.evaluate('probed')).toBe('EvalError')
    expect(await page.evaluate("new Promise((done, fail) => { const w = new Worker('probe.js'); w.onmessage = ({ data }) => done(data); w.onerror = fail })")).toBe('EvalError')
    expect(readFileSync(join(ROOT, 'examples/browser/index.html'), 'utf8')).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|(?<!wasm-)unsafe-(?:eval|inline)/)
    await page.close()
  })
})
