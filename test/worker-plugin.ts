/** A plugin for the tests, which run TypeScript as it stands: Node starts workers itself and needs them as JavaScript. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'

const SOURCE = fileURLToPath(new URL('../src/runtime/wasm/worker.ts', import.meta.url))

/** Replaces the address of the worker in the file that starts it. */
export function workerPlugin(): { readonly name: string; readonly enforce: 'pre'; transform(code: string, id: string): string | undefined } {
  const folder = mkdtempSync(join(tmpdir(), 'ingot-worker-')), built = join(folder, 'worker.mjs')
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  buildSync({ entryPoints: [SOURCE], outfile: built, bundle: true, format: 'esm', platform: 'neutral', target: 'es2022', logLevel: 'silent' })
  return {
    name: 'ingot-worker', enforce: 'pre',
    transform: (code, id) => (id.endsWith('runtime/wasm/start-thread.ts') ? code.replaceAll("'./worker.js', import.meta.url", JSON.stringify(pathToFileURL(built).href)) : undefined),
  }
}
