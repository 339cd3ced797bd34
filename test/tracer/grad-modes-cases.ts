/** Runs the cases of grad-modes/cases.json, recorded from PyTorch, on Ingot's tensors. */
import { expect } from 'vitest'
import { bytesOf, storageOf, type DType } from '../../src/base/dtype.js'
import { IngotError, type ErrorCode } from '../../src/base/error.js'
import { toNumbers } from '../../src/ir/host-tensor.js'
import { grad } from '../../src/tracer/autograd.js'
import { full, ones, onesLike, tensor, zeros, zerosLike } from '../../src/tracer/creation.js'
import { deepcopy } from '../../src/tracer/deepcopy.js'
import { cat } from '../../src/tracer/functions/joining.js'
import { AutoGradMode, EnableGradGuard, enableGrad, InferenceMode, inferenceMode, isGradEnabled, isInferenceModeEnabled, NoGradGuard, noGrad, setGradEnabled, type ModeGuard } from '../../src/tracer/modes.js'
import { Tensor } from '../../src/tracer/tensor.js'

type Json = number | boolean | string | null | readonly Json[]
export interface Step {
  readonly enter?: string; readonly enabled?: boolean; readonly as?: string
  readonly exit?: true | string
  readonly with?: string; readonly body?: readonly Step[]
  readonly raise?: string
  readonly set_grad_enabled?: boolean
  readonly let?: string | readonly string[]; readonly op?: string; readonly args?: readonly Json[]
  readonly do?: string; readonly on?: string
  readonly check?: string; readonly of?: string | readonly [string, string]; readonly equals?: Json
  readonly throws?: string | readonly string[]
  readonly shape?: readonly number[]; readonly dtype?: DType; readonly requires_grad?: boolean; readonly value?: number; readonly data?: never
  readonly dim?: number; readonly dim0?: number; readonly dim1?: number; readonly index?: number; readonly start?: number; readonly length?: number
  readonly size?: number; readonly chunks?: number; readonly rows?: readonly number[]
  readonly retain_graph?: boolean; readonly create_graph?: boolean
}
export interface Case {
  readonly id: string; readonly title: string; readonly tags: readonly string[]
  readonly steps: readonly Step[]
  readonly expect: Readonly<Record<string, Readonly<Record<string, Json | { readonly throws: string }>>>>
  readonly leaves_modes_changed?: boolean
}

/** What the keys of cases.json are called here. LEAF_INPLACE stands there for views of leaves as well. */
const CODES: Readonly<Record<string, readonly ErrorCode[]>> = {
  VERSION: ['inference-version'], INPLACE_INFERENCE: ['inference-inplace'], SAVE_INFERENCE: ['inference-saved'], REQUIRES_GRAD_INFERENCE: ['inference-requires-grad'],
  LEAF_INPLACE: ['leaf-inplace', 'view-of-leaf-inplace'], VIEW_OF_LEAF_INPLACE: ['view-of-leaf-inplace'],
  VIEW_INFERENCE_DIRECT: ['view-inference-inplace'], VIEW_INFERENCE_INDIRECT: ['view-inference-inplace'], VIEW_NOGRAD_DIRECT: ['view-nograd-inplace'], VIEW_NOGRAD_INDIRECT: ['view-nograd-inplace'],
  VIEW_MULTI: ['view-multi-inplace'], OUT_GRAD: ['out-requires-grad'], STALE: ['saved-changed'], BACKWARD_TWICE: ['backward-twice'], BACKWARD_NONSCALAR: ['backward-nonscalar'], NO_GRAPH: ['backward-no-graph'],
  LEAF_HISTORY: ['leaf-history'], REQUIRES_GRAD_NONLEAF: ['requires-grad-nonleaf'], REQUIRES_GRAD_DTYPE: ['requires-grad-dtype'], DETACH_VIEW: ['detach-view'], DEEPCOPY_NONLEAF: ['deepcopy-nonleaf'], RETAIN_GRAD: ['retain-grad'],
  GUARD_ORDER: ['guard-order'],
}

class Raised extends Error {}

class Run {
  readonly names = new Map<string, Tensor>()
  readonly guards: { readonly as: string | undefined; readonly guard: ModeGuard }[] = []

  get(name: Json | undefined): Tensor {
    const t = this.names.get(name as string)
    if (t === undefined) throw new Error(`the case uses ${String(name)}, which is not bound`)
    return t
  }

  operand(x: Json | undefined): Tensor | number { return typeof x === 'string' ? this.get(x) : (x as number) }

  steps(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.throws === undefined || step.check !== undefined) this.step(step)
      else expectThrow(step.throws, () => this.step(step), JSON.stringify(step))
    }
  }

  step(s: Step): void {
    if (s.enter !== undefined) this.guards.push({ as: s.as, guard: openGuard(s.enter, s.enabled) })
    else if (s.exit !== undefined) this.exit(s.exit)
    else if (s.with !== undefined) within(s.with, s.enabled, () => this.steps(s.body ?? []))
    else if (s.raise !== undefined) throw new Raised(s.raise)
    else if (s.set_grad_enabled !== undefined) setGradEnabled(s.set_grad_enabled)
    else if (s.let !== undefined) this.bind(s.let, this.evaluate(s))
    else if (s.do !== undefined) this.perform(s)
    else if (s.check !== undefined) this.check(s.check, s.of, s.throws === undefined ? (s.equals ?? null) : { throws: s.throws as string })
    else throw new Error(`the step ${JSON.stringify(s)} is of no known kind`)
  }

  exit(which: true | string): void {
    const at = which === true ? this.guards.length - 1 : this.guards.findIndex((g) => g.as === which)
    const [closing] = this.guards.splice(at, 1)
    closing?.guard.dispose()
  }

  bind(names: string | readonly string[], result: Tensor | readonly Tensor[]): void {
    if (typeof names === 'string') this.names.set(names, result as Tensor)
    else names.forEach((name, i) => this.names.set(name, (result as readonly Tensor[])[i] as Tensor))
  }

  evaluate(s: Step): Tensor | readonly Tensor[] {
    const options = { ...(s.dtype !== undefined && { dtype: s.dtype }), ...(s.requires_grad !== undefined && { requiresGrad: s.requires_grad }) }
    const args = s.args ?? []
    const x = (): Tensor => this.get(args[0]), y = (): Tensor | number => this.operand(args[1])
    const shape = s.shape ?? []
    // A number on the left: addition and multiplication commute, and the cases have no other.
    const [left, right] = typeof args[0] === 'number' ? [args[1], args[0]] : [args[0], args[1]]
    const a = (): Tensor => this.get(left), b = (): Tensor | number => this.operand(right)
    const OPS: Readonly<Record<string, () => Tensor | readonly Tensor[]>> = {
      ones: () => ones(shape, options), zeros: () => zeros(shape, options), full: () => full(shape, s.value ?? 0, { dtype: 'float32', ...options }), tensor: () => tensor(s.data as never, options),
      ones_like: () => onesLike(x(), options), zeros_like: () => zerosLike(x(), options),
      add: () => a().add(b()), sub: () => x().sub(y()), mul: () => a().mul(b()), div: () => x().div(y()), neg: () => x().neg(), exp: () => x().exp(), relu: () => x().relu(), pow: () => x().pow(y()),
      sum: () => x().sum(), matmul: () => x().matmul(y() as Tensor), linear: () => x().linear(y() as Tensor), cat: () => cat((args[0] as readonly Json[]).map((n) => this.get(n))),
      clone: () => x().clone(), contiguous: () => x().contiguous(), gather_rows: () => x().indexSelect(0, tensor(s.rows as readonly number[], { dtype: 'int64' })),
      view: () => x().view(shape), reshape: () => x().reshape(shape), expand: () => x().expand(shape), transpose: () => x().transpose(s.dim0 ?? 0, s.dim1 ?? 0), select: () => x().select(s.dim ?? 0, s.index ?? 0),
      narrow: () => x().narrow(s.dim ?? 0, s.start ?? 0, s.length ?? 0), unsqueeze: () => x().unsqueeze(s.dim ?? 0), squeeze: () => x().squeeze(), view_as: () => x().viewAs(y() as Tensor),
      detach: () => x().detach(), data: () => x().variableData(), split: () => x().split(s.size ?? 1, s.dim), chunk: () => x().chunk(s.chunks ?? 1, s.dim), unbind: () => x().unbind(s.dim),
      grad: () => x().grad as Tensor, autograd_grad: () => grad(x(), (args[1] as readonly Json[]).map((n) => this.get(n)), { createGraph: s.create_graph === true }),
      deepcopy: () => deepcopy(x()), save_load: () => new Tensor(x().dtype, x().shape, storageOf(x().dtype, bytesOf(x().data))).requiresGrad_(x().requiresGrad),
    }
    const op = OPS[s.op ?? '']
    if (op === undefined) throw new Error(`no op ${s.op}`)
    return op()
  }

  perform(s: Step): void {
    const t = this.get(s.on), args = s.args ?? []
    const x = (): Tensor | number => this.operand(args[0])
    const OPS: Readonly<Record<string, () => unknown>> = {
      add_: () => t.add_(x()), sub_: () => t.sub_(x()), mul_: () => t.mul_(x()), neg_: () => t.neg_(), relu_: () => t.relu_(), zero_: () => t.zero_(), fill_: () => t.fill_(x()), copy_: () => t.copy_(x() as Tensor),
      transpose_: () => t.transpose_(args[0] as number, args[1] as number), unsqueeze_: () => t.unsqueeze_(args[0] as number), requires_grad_: () => t.requiresGrad_(args[0] as boolean), detach_: () => t.detach_(),
      setitem: () => t.setItem(args[0] as number, args[1] as number), set_requires_grad: () => { t.requiresGrad = args[0] as boolean }, set_grad: () => { t.grad = args[0] === null ? null : (x() as Tensor) },
      mul_out: () => (x() as Tensor).mul(this.operand(args[1]), { out: t }), add_out: () => (x() as Tensor).add(this.operand(args[1]), { out: t }),
      backward: () => t.backward(args.length > 0 ? (x() as Tensor) : null, { ...(s.retain_graph !== undefined && { retainGraph: s.retain_graph }), ...(s.create_graph !== undefined && { createGraph: s.create_graph }) }),
      retain_grad: () => t.retainGrad(),
    }
    const op = OPS[s.do ?? '']
    if (op === undefined) throw new Error(`no op ${s.do}`)
    const result = op()
    if (/[a-z]_$|_out$/.test(s.do ?? '')) expect(result, `${s.do} returns its receiver`).toBe(t)
  }

  check(prop: string, of: string | readonly [string, string] | undefined, wanted: Json | { readonly throws: string }): void {
    const what = `${prop} of ${String(of)}`
    if (wanted !== null && typeof wanted === 'object' && 'throws' in wanted) return expectThrow(wanted.throws, () => this.read(prop, of), what)
    if (prop === 'values' || prop === 'grad') return this.checkValues(prop, of as string, wanted as Json, what)
    expect(this.read(prop, of), what).toEqual(wanted)
  }

  read(prop: string, of: string | readonly [string, string] | undefined): unknown {
    const [a, b] = (Array.isArray(of) ? of : [of, undefined]) as [string, string | undefined]
    const t = (): Tensor => this.get(a)
    const PROPS: Readonly<Record<string, () => unknown>> = {
      is_inference: () => t().isInference(), requires_grad: () => t().requiresGrad, is_leaf: () => t().isLeaf, has_grad_fn: () => t().gradFn !== null, is_view: () => t().isView(),
      base: () => [...this.names].find(([, other]) => other === t().base)?.[0] ?? null, version: () => t().version, shape: () => t().shape,
      grad_enabled: isGradEnabled, inference_mode_enabled: isInferenceModeEnabled, same: () => t() === this.get(b), shares_storage: () => t().sharesStorage(this.get(b)),
    }
    const read = PROPS[prop]
    if (read === undefined) throw new Error(`no property ${prop}`)
    return read()
  }

  checkValues(prop: 'values' | 'grad', of: string, wanted: Json, what: string): void {
    const t = prop === 'values' ? this.get(of) : this.get(of).grad
    if (wanted === null) return expect(t, what).toBeNull()
    expect(t, what).not.toBeNull()
    const numbers = [...toNumbers(t as Tensor)]
    const flat = Array.isArray(wanted) ? (wanted as readonly Json[]).flat(9) as number[] : numbers.map(() => wanted as number)
    expect(numbers.length, what).toBe(flat.length)
    numbers.forEach((n, i) => expect(Math.abs(n - (flat[i] as number)), `${what} [${i}]: ${n}`).toBeLessThanOrEqual(1e-5))
  }
}

function expectThrow(keys: string | readonly string[], run: () => unknown, what: string): void {
  let error: unknown
  try { run() } catch (e) { error = e }
  if (error instanceof Raised) return expect([keys].flat(), what).toContain(error.message)
  if (error !== undefined && !(error instanceof IngotError)) throw error as Error
  const codes = [keys].flat().flatMap((key) => CODES[key] ?? [])
  expect(codes, what).toContain(error === undefined ? 'nothing thrown' : error.code)
  const indirect = [keys].flat().some((key) => key.endsWith('_INDIRECT')), direct = [keys].flat().some((key) => key.endsWith('_DIRECT'))
  if (indirect) expect((error as IngotError).message).toContain('its base, or another view of it')
  if (direct) expect((error as IngotError).message).toContain('is now changed in place')
}

function openGuard(kind: string, enabled: boolean | undefined): ModeGuard {
  switch (kind) {
    case 'inference_mode': return new InferenceMode(enabled ?? true)
    case 'no_grad': return new NoGradGuard()
    case 'enable_grad': return new EnableGradGuard()
    case 'set_grad_enabled': return new AutoGradMode(enabled ?? true)
    default: throw new Error(`no guard ${kind}`)
  }
}

function within(kind: string, enabled: boolean | undefined, body: () => void): void {
  switch (kind) {
    case 'inference_mode': return inferenceMode(body, enabled ?? true)
    case 'no_grad': return noGrad(body)
    case 'enable_grad': return enableGrad(body)
    default: return setGradEnabled(enabled ?? true, body)
  }
}

/** Runs a case and checks what it expects, and that it leaves the modes as they were. */
export function runCase(c: Case): void {
  const run = new Run()
  try {
    run.steps(c.steps)
    for (const [name, props] of Object.entries(c.expect)) for (const [prop, wanted] of Object.entries(props)) run.check(prop, name === '@modes' ? undefined : name, wanted)
    expect(run.guards.map((g) => g.as), 'guards left open').toEqual([])
    expect([isGradEnabled(), isInferenceModeEnabled()], 'modes afterwards').toEqual([true, false])
  } finally {
    // A failing case must not fail those after it.
    for (const { guard } of run.guards.reverse()) guard.dispose()
    setGradEnabled(true)
  }
}
