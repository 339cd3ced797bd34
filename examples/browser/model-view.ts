/** What the page says of a compiled model: ports, targets, the compiler's report, and the form that runs it. */
import { count, duration, element, size, table } from './elements.js'
import { failureView } from './failure-view.js'
import type { Environment, ModelInfo, RunOptions, TargetInfo } from './messages.js'

export interface ModelActions { readonly run: (options: RunOptions) => void; readonly download: (target: string) => void }

/** The whole of it, in the order in which it is read. */
export function modelView(model: ModelInfo, environment: Environment, actions: ModelActions): HTMLElement {
  return element('section', { 'aria-label': 'Compiled model' },
    element('h2', {}, model.name), element('p', { class: 'note' }, size(model.fileBytes)),
    table('Ports', ['', 'Name', 'Type', 'Shape'], [...model.inputs.map((p) => ['input', element('code', {}, p.name), p.dtype, element('code', {}, p.shape)]), ...model.outputs.map((p) => ['output', element('code', {}, p.name), p.dtype, element('code', {}, p.shape)])]),
    element('div', { class: 'cards' }, ...model.targets.map((t) => targetCard(t, actions)), 'missing' in environment.webgpu && model.targets.every((t) => t.target !== 'wgsl') ? element('article', {}, element('h3', {}, 'wgsl'), element('p', {}, `Not compiled: ${environment.webgpu.missing}.`)) : null),
    runForm(model, environment, actions))
}

function targetCard(info: TargetInfo, { download }: ModelActions): HTMLElement {
  if (info.kind === 'failed') return element('article', {}, element('h3', {}, info.target), failureView(info.failure))
  const { target, report } = info
  const button = element('button', { type: 'button', class: 'quiet' }, `Download ${target}.ingot`)
  button.addEventListener('click', () => download(target))
  const facts: readonly (readonly [string, string])[] = [
    [report === null ? 'Read in' : 'Compiled in', duration(info.ms)], ['Artefact', `${size(info.bytes)}, ${size(info.constantBytes)} of it weights`],
    ['Steps', `${info.steps}, with ${count(info.kernels, 'kernel')}`], ...(report === null ? [] : [['Nodes', `${report.nodes.before} → ${report.nodes.after}`] as const]),
  ]
  return element('article', {}, element('h3', {}, target),
    element('dl', {}, ...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])), ...reportViews(info), button)
}

/** What the compiler did that a user may want to know of, each behind its summary. */
function reportViews(info: Extract<TargetInfo, { readonly kind: 'compiled' }>): HTMLElement[] {
  const { report, target } = info
  if (report === null) return []
  const more = (summary: string, content: HTMLElement): HTMLElement => element('details', {}, element('summary', {}, summary), content)
  const parts = report.host ?? [], onHost = parts.flat(), views: HTMLElement[] = []
  if (report.winograd.length > 0) views.push(more(`${count(report.winograd.length, 'convolution')} by Winograd’s transforms`, table('Winograd', ['Where', '#Tile', '#Weights', '#As they were'], report.winograd.map((w) => [element('code', {}, w.origin), `${w.tile} × ${w.tile}`, size(w.weightBytes), size(w.exactWeightBytes)]))))
  if (onHost.length > 0) views.push(more(`${count(onHost.length, 'node')} on the host, in ${count(parts.length, 'part')}`, table('On the host', ['#Part', 'Op', 'Why', 'Where'], parts.flatMap((nodes, i) => nodes.map((n) => [String(i + 1), n.op, element('span', { class: 'long' }, n.why), element('code', {}, n.origin)])))))
  else if (target === 'wgsl') views.push(element('p', { class: 'note' }, 'Every node runs on the GPU.'))
  views.push(more('Time of each step of the compiler', table('Compiler', ['Step', '#Time'], report.steps.map((s) => [s.name, duration(s.ms)]))))
  return views
}

function runForm(model: ModelInfo, environment: Environment, { run }: ModelActions): HTMLElement {
  const field = (name: string, label: string, value: number, low: number, high: number): HTMLElement => element('label', {}, element('span', {}, label), element('input', { type: 'number', name, value, min: low, max: high, required: true, inputmode: 'numeric' }))
  const symbols = model.symbols.map((s) => field(`symbol:${s.name}`, `${s.name} (${s.input})`, s.value, 0, 65_536))
  const largest = model.integers.map((name) => field(`largest:${name}`, `${name}: largest integer`, 1, 0, 1_000_000))
  const form = element('form', {}, element('h3', {}, 'Run with random inputs'),
    element('div', { class: 'fields' }, ...symbols, ...largest, field('runs', 'Timed runs', 10, 1, 1000), field('threads', environment.isolated ? 'Threads (wasm)' : 'Threads (not isolated: one)', environment.threads, 1, environment.isolated ? 64 : 1)),
    element('button', { type: 'submit' }, model.targets.filter((t) => t.kind === 'compiled').length > 1 ? 'Run on both and compare' : 'Run'))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const values = new FormData(form), number = (name: string): number => Number(values.get(name))
    run({
      symbols: Object.fromEntries(model.symbols.map((s) => [s.name, number(`symbol:${s.name}`)])), largest: Object.fromEntries(model.integers.map((name) => [name, number(`largest:${name}`)])),
      runs: number('runs'), threads: number('threads'),
    })
  })
  return form
}
