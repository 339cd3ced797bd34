/** What runs gave: times, outputs, how far the targets are apart, and where the time went. */
import { count, duration, element, size, table } from './elements.js'
import { failureView } from './failure-view.js'
import type { Comparison, RunInfo } from './messages.js'

type Ran = Extract<RunInfo, { readonly kind: 'ran' }>

/** Steps that are shown without asking. */
const SHOWN = 12

/** All results, the comparison first. */
export function resultsView(results: readonly RunInfo[], comparisons: readonly Comparison[]): HTMLElement {
  const ran = results.filter((r): r is Ran => r.kind === 'ran')
  return element('section', { 'aria-label': 'Results' }, element('h2', {}, 'Results'),
    ...results.flatMap((r) => (r.kind === 'failed' ? [element('h3', {}, r.target), failureView(r.failure)] : [])),
    ran.length === 0 ? null : table('Times', ['Target', '#Load', '#First run', '#Median', '#Runs', '#Memory'], ran.map((r) => [r.target, duration(r.loadMs), duration(r.firstMs), element('strong', {}, duration(r.medianMs)), String(r.runs), size(r.arenaBytes)])),
    ...ran.flatMap((r) => r.notices.map((n) => element('p', { class: 'note' }, `${r.target}: ${n}`))),
    comparisons.length === 0 ? null : table('wgsl against wasm', ['Output', '#Difference of the peak', 'Largest at'], comparisons.map((c) => [element('code', {}, c.name), element('strong', { class: 'difference' }, c.ofPeak === 0 ? '0' : c.ofPeak.toExponential(1)), element('span', { class: 'long' }, c.what)])),
    ran[0] === undefined ? null : table('Outputs', ['Name', 'Target', 'Type', 'Shape', '#Least', '#Greatest', 'First'], outputRows(ran)),
    ...ran.flatMap(timesOf))
}

/** Every output as each target has it, one under the other. */
const outputRows = (ran: readonly Ran[]): (string | HTMLElement)[][] => (ran[0]?.outputs ?? []).flatMap(({ name }, i) => ran.flatMap((r) => {
  const o = r.outputs[i]
  return o === undefined ? [] : [[element('code', {}, name), r.target, o.dtype, element('code', {}, o.shape), short(o.low), short(o.high), element('code', {}, o.first)]]
}))

const short = (n: number): string => String(Number(n.toPrecision(4)))

function timesOf(run: Ran): HTMLElement[] {
  const total = run.steps.reduce((sum, s) => sum + s.ms, 0), slowest = [...run.steps].sort((a, b) => b.ms - a.ms)
  // Not every kernel counts its operations, and on some targets none does.
  const counted = run.steps.some((s) => s.gflops !== null)
  const steps = (caption: string, shown: Ran['steps']): HTMLElement => table(caption, ['#Time', '#Share', '', 'Kernel', ...(counted ? ['#GFLOP/s'] : []), 'Where'], shown.map((s) => [
    duration(s.ms), ...share(s.ms, total, slowest[0]?.ms ?? 0), element('code', {}, s.kernel), ...(counted ? [s.gflops === null ? '' : s.gflops.toFixed(1)] : []), element('span', { class: 'long' }, s.origin),
  ]))
  const more = (summary: string, content: HTMLElement): HTMLElement => element('details', {}, element('summary', {}, summary), content)
  return [
    element('h3', {}, `Where the time goes: ${run.target}`),
    ...(run.target === 'wgsl' ? [element('p', { class: 'note' }, 'Steps are timed one by one, each with a submit and a wait of its own; a run as a whole has one submit and is faster.')] : []),
    run.steps.length <= SHOWN ? steps('Steps', slowest) : steps(`The ${SHOWN} slowest of ${run.steps.length} steps`, slowest.slice(0, SHOWN)),
    ...(run.steps.length <= SHOWN ? [] : [more(`All ${run.steps.length} steps, in order`, steps('All steps', run.steps))]),
    more(count(run.kernels.length, 'kernel'), table('Kernels', ['#Time', '#Share', '', 'Kernel', '#Steps'], run.kernels.map((k) => [duration(k.ms), ...share(k.ms, total, run.kernels[0]?.ms ?? 0), element('code', {}, k.kernel), String(k.calls)]))),
  ]
}

/** The part of the whole in words, and a bar beside which those of the others can be held. */
function share(ms: number, total: number, greatest: number): [string, HTMLElement] {
  const bar = element('span', { class: 'bar' })
  bar.style.setProperty('width', `${(greatest === 0 ? 0 : (100 * ms) / greatest).toFixed(1)}%`)
  return [`${(total === 0 ? 0 : (100 * ms) / total).toFixed(1)} %`, element('span', { class: 'share' }, bar)]
}
