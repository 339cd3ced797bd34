/** Writes the bundles: dist/browser for pages, dist/node for Node; a part of `npm run build`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { browserFiles, nodeFiles } from './bundles.js'

const root = process.cwd()
for (const [name, files] of [['browser', await browserFiles(root)], ['node', await nodeFiles(root)]] as const) {
  const folder = join(root, 'dist', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [file, bytes] of files) writeFileSync(join(folder, file), bytes)
}
