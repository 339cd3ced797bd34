/** The runtime as a page gets it: bundled and minified, with what few programs need in files of their own. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files by name, and the names of those that importing `index.js` loads at once. */
export async function bundleRuntime() {
  const { build } = createRequire(join(root, 'package.json'))('esbuild')
  const { outputFiles, metafile: { outputs } } = await build({ entryPoints: ['src/runtime/index.ts'], absWorkingDir: root, bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', outdir: 'out', write: false, splitting: true, metafile: true })
  const entry = new Set()
  const visit = (path) => {
    if (entry.has(path)) return
    entry.add(path)
    for (const { path: next, kind } of outputs[path].imports) if (kind === 'import-statement') visit(next)
  }
  visit('out/index.js')
  const nameOf = (path) => path.replace(/^.*[/\\]/, '')
  return { files: new Map(outputFiles.map(({ path, contents }) => [nameOf(path), contents])), entry: [...entry].map(nameOf) }
}
