/** The document from the results of all parts. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { modelSections } from './report/models.js'
import { opSections } from './report/ops.js'
import { coldSection, stepSection } from './report/processes.js'
import { webgpuSection } from './report/webgpu.js'

/** All results of a part on one Node, by name. */
function readResults(cache, { key }, part) {
  const folder = join(cache, key, part)
  if (!existsSync(folder)) return new Map()
  return new Map(readdirSync(folder).toSorted().map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(join(folder, file), 'utf8'))]))
}

const versionOf = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version

const intro = (nodes) => `# Performance

Every figure is from \`npm run bench\` in \`bench/\`, which runs Ingot and its peers in turns in one process (whole processes in turns, where
start and memory are measured), warms everyone up first and takes medians. Ratios are times of the peer over Ingot's: above 1, Ingot is
faster. Peers: onnxruntime-web ${versionOf('onnxruntime-web')} (WebAssembly, and WebGPU in Chromium), onnxruntime-node ${versionOf('onnxruntime-node')} (native), tfjs-wasm ${versionOf('@tensorflow/tfjs-backend-wasm')}, jax-js ${versionOf('@jax-js/jax')}. Machine: ${cpus().length} ×
${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${nodes.map((n) => `Node ${n.version.slice(1)}`).join(' and ')}. One thread unless said otherwise. The machine's speed drifts: read the ratios.

\`\`\`sh
npm run build && cd bench && npm ci --ignore-scripts
npm run bench                                   # all of it, about a quarter of an hour on a quiet machine
npm run bench -- --parts models --nodes 24      # a part; the other tables keep their last figures
\`\`\``

/** Writes `document` from what lies in `cache`. */
export function writeReport({ cache, nodes, document }) {
  const of = (part) => nodes.map((node) => ({ node, results: readResults(cache, node, part) })).filter(({ results }) => results.size > 0)
  const newest = nodes.at(-1), last = (part) => readResults(cache, newest, part)
  const sections = [
    intro(nodes), ...modelSections(of('models')), ...opSections(of('ops')),
    coldSection(last('cold'), last('compile'), last('sizes').get('sizes')), webgpuSection(last('webgpu')), stepSection(last('steps'), last('models')),
  ]
  writeFileSync(document, `${sections.filter((s) => s !== undefined).join('\n\n')}\n`)
  console.log(`wrote ${document}`)
}
