/** The page: what the user does goes to the worker, what the worker says is shown. */
import { element, duration, part } from './elements.js'
import { failureView } from './failure-view.js'
import type { Environment, Failure, Reply, Request } from './messages.js'
import { modelView } from './model-view.js'
import { resultsView } from './results-view.js'

const engine = new Worker(new URL('./engine.js', import.meta.url), { type: 'module', name: 'ingot-page' })
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
const ask = (request: Request): void => engine.postMessage(request)

let environment: Environment = { isolated: false, threads: 1, webgpu: { missing: 'it was not looked for yet' } }

function showEnvironment(): void {
  const { isolated, threads, webgpu } = environment
  const item = (good: boolean, name: string, text: string): HTMLElement => element('li', { class: good ? 'good' : 'missing' }, element('strong', {}, name), ` ${text}`)
  part('environment').replaceChildren(
    item(isolated, 'Threads', isolated ? `up to ${threads}` : 'one: the page is not cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp'),
    'adapter' in webgpu ? item(true, 'WebGPU', webgpu.adapter) : item(false, 'WebGPU', `missing: ${webgpu.missing}`))
}

/** What has changed comes into view, where the form that began it has scrolled it out. */
const bringUp = (id: string, block: ScrollLogicalPosition = 'start'): void => { requestAnimationFrame(() => { part(id).scrollIntoView({ block }) }) }

function showProgress(target: string, name: string, ms: number | null): void {
  const progress = part('progress')
  if (progress.hidden) {
    progress.hidden = false
    progress.replaceChildren(element('p', { class: 'doing' }), element('ol', {}))
    bringUp('progress', 'nearest')
  }
  const doing = progress.querySelector('p'), list = progress.querySelector('ol')
  if (doing !== null) doing.textContent = name === 'run' ? `Running on ${target}…` : `Compiling for ${target}…`
  if (ms !== null) list?.append(element('li', {}, element('span', {}, `${target} `), name, element('span', {}, ` ${duration(ms)}`)))
}

function showFailure(failure: Failure): void {
  part('problem').hidden = false
  part('problem').replaceChildren(failureView(failure))
  bringUp('problem', 'nearest')
}

function busy(is: boolean): void {
  document.body.setAttribute('aria-busy', String(is))
  for (const control of document.querySelectorAll<HTMLButtonElement | HTMLInputElement>('button, #files')) control.disabled = is
  if (is) part('problem').hidden = true
  else part('progress').hidden = true
}

function hear(reply: Reply): void {
  switch (reply.kind) {
    case 'environment': environment = reply.environment; showEnvironment(); return
    case 'progress': showProgress(reply.target, reply.name, reply.ms); return
    case 'artefact': save(reply.name, reply.bytes); return
    case 'opened': part('model').replaceChildren(modelView(reply.model, environment, { run: (options) => { start({ kind: 'run', options }) }, download: (target) => { ask({ kind: 'download', target }) } })); break
    case 'ran': part('results').replaceChildren(resultsView(reply.results, reply.comparisons)); bringUp('results'); break
    case 'failed': showFailure(reply.failure); break
  }
  busy(false)
}

function start(request: Request): void {
  busy(true)
  part('results').replaceChildren()
  if (request.kind !== 'run') part('model').replaceChildren()
  ask(request)
}

function save(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  element('a', { href: url, download: name }).click()
  setTimeout(() => { URL.revokeObjectURL(url) }, 60_000)
}

async function open(files: Iterable<File>): Promise<void> {
  const chosen = [...files]
  if (chosen.length === 0) return
  try {
    start({ kind: 'open', files: await Promise.all(chosen.map(async (f) => ({ name: f.name, bytes: new Uint8Array(await f.arrayBuffer()) }))) })
  } catch (error) {
    showFailure({ code: 'error', what: `the file cannot be read: ${String(error)}`, where: '', hint: '' })
  }
}

engine.addEventListener('message', ({ data }: MessageEvent<Reply>) => { hear(data) })
engine.addEventListener('error', (event) => {
  showFailure({ code: 'error', what: event.message || 'the worker of this page could not be loaded', where: event.filename ?? '', hint: '' })
  busy(false)
})

const files = part<HTMLInputElement>('files'), drop = part('drop')
files.addEventListener('change', () => { void open(files.files ?? []); files.value = '' })
part('example').addEventListener('click', () => { start({ kind: 'example' }) })
document.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over') })
document.addEventListener('dragleave', () => { drop.classList.remove('over') })
document.addEventListener('drop', (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  if (!files.disabled) void open(event.dataTransfer?.files ?? [])
})
ask({ kind: 'look' })
