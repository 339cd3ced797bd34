/** The Nodes to measure on: the one that runs npm, and Node 24 from the package `node`. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NODE24 = fileURLToPath(new URL('node_modules/node24/bin/node', import.meta.url))

function describe(path) {
  const [version, v8] = JSON.parse(execFileSync(path, ['-p', 'JSON.stringify([process.version, process.versions.v8])'], { encoding: 'utf8' }))
  return { path, version, v8, key: `node${/\d+/.exec(version)[0]}` }
}

/** `wanted` are major versions; all there are where it is empty. Gets Node 24's binary where `npm ci --ignore-scripts` has left it out. */
export function findNodes(wanted) {
  // Scripts of npm find the package's binary first, so `process.execPath` can be that one.
  const own = describe(process.env.npm_node_execpath ?? process.execPath)
  if (!existsSync(NODE24)) spawnSync('npm', ['rebuild', 'node24', '--ignore-scripts=false'], { cwd: fileURLToPath(new URL('.', import.meta.url)), stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' })
  const others = existsSync(NODE24) ? [describe(NODE24)] : []
  return [own, ...others].filter(({ key }, i, all) => all.findIndex((n) => n.key === key) === i && (wanted.length === 0 || wanted.includes(key.slice(4))))
}
