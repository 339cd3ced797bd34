/** The files of the page, as any server of static files can have them: its own modules one by one, and Ingot's as the package ships them. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { browserFiles } from '../../scripts/bundles.js'

/** Modules of this folder that run in Node. */
const OF_NODE = ['serve.ts', 'site.ts']

/** Files by path. Nothing is bundled: types are taken out of the page's modules, and their import of Ingot is given the address it has on the site. */
export async function buildSite(root: string): Promise<Map<string, Uint8Array>> {
  const folder = join(root, 'examples', 'browser'), files = new Map<string, Uint8Array>()
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), 'utf8')
    if (/\.(html|css)$/.test(name)) files.set(name, Buffer.from(text))
    if (!name.endsWith('.ts') || OF_NODE.includes(name)) continue
    const { code } = await transform(text, { loader: 'ts', target: 'es2022', tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } } })
    files.set(name.replace('.ts', '.js'), Buffer.from(code.replaceAll('../../src/index.js', './ingot/ingot.js')))
  }
  for (const [name, bytes] of await browserFiles(root)) files.set(`ingot/${name}`, bytes)
  return files
}

/** The policy that index.html states for the page. Sent as a header it binds the workers too. */
export function policyOf(site: ReadonlyMap<string, Uint8Array>): string {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(new TextDecoder().decode(site.get('index.html')))?.[1]
  if (policy === undefined) throw new Error('index.html states no policy')
  return policy
}
