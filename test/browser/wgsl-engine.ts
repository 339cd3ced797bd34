/** Programs for WebGPU run in a browser's page, as an engine for conformance tests: compiled here, loaded and run there. */
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { bytesOf, DTYPES, type DType, type HostTensor } from '../../src/base/dtype.js'
import { compile } from '../../src/compile.js'
import type { Engine } from '../../scripts/backend-case.js'
import { ROOT } from '../source-files.js'
import { launchChromium, SOFTWARE_ADAPTER } from './chromium.js'
import { servePages } from './serve-pages.js'

export interface BrowserEngine extends AsyncDisposable {
  readonly engine: Engine
  /** False where the browser finds no adapter. */
  readonly adapter: boolean
}

interface Sent { readonly dtype: DType; readonly shape: readonly number[]; readonly text: string }

const encode = (t: HostTensor): Sent => ({ dtype: t.dtype, shape: t.shape, text: Buffer.from(bytesOf(t.data as Exclude<HostTensor['data'], readonly string[]>)).toString('base64') })

function decode({ dtype, shape, text }: Sent): HostTensor {
  const bytes = new Uint8Array(Buffer.from(text, 'base64')), { array } = DTYPES[dtype]
  if (array === null) throw new Error('no text comes from a page')
  return { dtype, shape, data: new array(bytes.buffer) } as HostTensor
}

/** Loads `program.ingot` and runs it once; bytes travel as base64. */
const PAGE = `
  import { load } from './index.js'
  const arrays = ${JSON.stringify(Object.fromEntries(Object.entries(DTYPES).map(([name, { array }]) => [name, array?.name])))}
  globalThis.runProgram = async (path, feeds) => {
    const session = await load(path)
    const results = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, { dtype, shape, text }]) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
      return [name, { dtype, shape, data: new globalThis[arrays[dtype]](bytes.buffer) }]
    })))
    session.dispose()
    return Object.fromEntries(Object.entries(results).map(([name, { dtype, shape, data }]) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      let text = ''
      for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
      return [name, { dtype, shape: [...shape], text: btoa(text) }]
    }))
  }
`

/** A page in a browser of its own that runs one program after another. */
export async function browserEngine(): Promise<BrowserEngine> {
  const built = await build({ entryPoints: [`${ROOT}/src/runtime/index.ts`], outdir: '/', entryNames: '[name]', bundle: true, splitting: true, format: 'esm', platform: 'browser', target: 'es2022', write: false })
  const files = new Map<string, Uint8Array | string>(built.outputFiles.map(({ path, contents }) => [path.replace(/^.*\//, ''), contents]))
  files.set('page.js', PAGE).set('index.html', '<!doctype html><title>programs</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>')
  const server = await servePages(files, false), browser = await launchChromium(SOFTWARE_ADAPTER), page = await browser.newPage()
  await page.goto(`${server.url}index.html`)
  const adapter = await page.evaluate('(async () => Boolean(await navigator.gpu?.requestAdapter()))()') as boolean
  let count = 0
  return {
    adapter,
    engine: async (graph) => {
      const path = `${count++}.ingot`, program = (await compile(graph, { target: 'wgsl' })).encode()
      return async (feeds) => {
        files.set(path, program)
        try {
          return await runThere(page, path, feeds)
        } finally {
          files.delete(path)
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await browser.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

async function runThere(page: Page, path: string, feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
  const sent = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, encode(t)]))
  const results = await page.evaluate(`runProgram(${JSON.stringify(path)}, ${JSON.stringify(sent)})`) as Record<string, Sent>
  return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, decode(t)]))
}
