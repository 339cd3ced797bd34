/** The files of the page, as any server of static files can have them: one folder, no inline script, no import that needs a map. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Files by name. Bundles the page, its worker and the runtime's threads from the sources under the project's folder `root`. */
export async function buildSite(root: string): Promise<Map<string, Uint8Array>> {
  const folder = join(root, 'examples', 'browser')
  const built = await build({
    entryPoints: [join(folder, 'page.ts'), join(folder, 'engine.ts'), join(root, 'src', 'runtime', 'wasm', 'worker.ts')],
    outdir: join(root, 'site'), entryNames: '[name]', bundle: true, splitting: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', write: false, logLevel: 'silent',
  })
  const files = new Map<string, Uint8Array>(built.outputFiles.map(({ path, contents }) => [path.replace(/^.*[/\\]/, ''), contents]))
  for (const name of ['index.html', 'style.css']) files.set(name, await readFile(join(folder, name)))
  return files
}

/** The policy that index.html states for the page. Sent as a header it binds the workers too. */
export function policyOf(site: ReadonlyMap<string, Uint8Array>): string {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(new TextDecoder().decode(site.get('index.html')))?.[1]
  if (policy === undefined) throw new Error('index.html states no policy')
  return policy
}
