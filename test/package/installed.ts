/** The package as users have it: packed from a fresh build and unpacked where a package manager would, beside its dependencies; nothing is fetched. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeBundles } from '../../scripts/bundles.js'
import { ROOT } from '../source-files.js'

export const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name)
export const run = (command: string, args: readonly string[], cwd: string): string => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string; readonly dependencies: Record<string, string>; readonly scripts: Record<string, string> }

/** Installs it for a project in `folder`/user, and gives the paths of the files in the package. */
export async function installInto(folder: string): Promise<readonly string[]> {
  const source = join(folder, 'source'), user = join(folder, 'user')
  mkdirSync(source)
  for (const file of ['package.json', 'README.md', 'LICENSE']) cpSync(join(ROOT, file), join(source, file))
  try { run(bin('tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(source, 'dist')], ROOT) } catch (error) { if (!existsSync(join(source, 'dist/src/index.js'))) throw error }
  await writeBundles(ROOT, join(source, 'dist'))
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--silent'], source)) as [{ filename: string; files: { path: string }[] }]
  mkdirSync(join(user, 'node_modules'), { recursive: true })
  writeFileSync(join(user, 'package.json'), '{ "type": "module" }')
  run('tar', ['xzf', join(source, packed.filename), '-C', join(user, 'node_modules')], folder)
  cpSync(join(user, 'node_modules/package'), join(user, 'node_modules/ingot'), { recursive: true })
  for (const dependency of [...Object.keys(manifest.dependencies), 'long']) symlinkSync(join(ROOT, 'node_modules', dependency), join(user, 'node_modules', dependency))
  return packed.files.map((f) => f.path)
}
