/** Writes the files for pages without a bundler into dist/browser; a part of `npm run build`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { browserFiles } from './browser-files.js'

const root = process.cwd(), folder = join(root, 'dist', 'browser')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const [name, bytes] of await browserFiles(root)) writeFileSync(join(folder, name), bytes)
