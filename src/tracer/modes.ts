/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Gradient modes: whether operations are recorded, and whether tensors that are made are inference tensors. Source: PyTorch's
 * NoGradGuard, AutoGradMode and c10::InferenceMode. Modes are kept per asynchronous task: each function form runs in a frame of
 * its own, which its awaits keep where the platform has async context.
 */
import { IngotError } from '../base/error.js'
import { asyncContext } from './async-context.js'

/** The modes of a task, and what stands between calls and their evaluation. Guards change the frame they are opened in. */
export interface Frame {
  grad: boolean
  inference: boolean
  /** What takes every op instead of computing it (a trace); null computes. */
  readonly recorder: object | null
  /** Open guards, innermost last. */
  readonly guards: ModeGuard[]
}

const makeFrame = (grad: boolean, inference: boolean, recorder: object | null): Frame => ({ grad, inference, recorder, guards: [] })

/** The frame of all code outside function forms; without async context, the frame of the form that is running. */
let current: Frame = makeFrame(true, false, null)

/** The frame that the calling code runs in. */
export function currentFrame(): Frame {
  return (asyncContext.active?.getStore() as Frame | undefined) ?? current
}

/** True where operations on tensors that require gradients are recorded, unless inference mode is on. */
export function isGradEnabled(): boolean { return currentFrame().grad }

/** True where tensors that are made are inference tensors. */
export function isInferenceModeEnabled(): boolean { return currentFrame().inference }

/** Runs `fn` in a frame of its own, which is gone when it returns, throws, or, for async functions, settles. Throws `async-mode`. */
export function runInFrame<T>(change: { readonly grad?: boolean; readonly inference?: boolean; readonly recorder?: object | null }, fn: () => T): T {
  const outer = currentFrame()
  const frame = makeFrame(change.grad ?? outer.grad, change.inference ?? outer.inference, change.recorder === undefined ? outer.recorder : change.recorder)
  const context = asyncContext.find()
  if (context !== null) return context.run(frame, fn)
  const before = current
  current = frame
  let result: T
  try {
    result = fn()
  } finally {
    current = before
  }
  if (!isThenable(result)) return result
  // The error below is the one to see, not that of a promise which nobody holds.
  result.then(undefined, () => undefined)
  throw new IngotError('async-mode', 'an async function was run in a gradient mode, and this platform has no async context to keep the mode across its awaits', {
    hint: 'run only the synchronous parts in the mode; in Node use 20.16, 22.3 or later, whose AsyncLocalStorage is found by itself',
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { readonly then?: unknown }).then === 'function'
}

/** Runs `fn` without recording. An async `fn` keeps the mode across its awaits; throws `async-mode` where the platform cannot. Source: torch.no_grad. */
export function noGrad<T>(fn: () => T): T { return runInFrame({ grad: false }, fn) }

/** Runs `fn` with recording, also inside `noGrad`; inside inference mode nothing is recorded all the same. Source: torch.enable_grad. */
export function enableGrad<T>(fn: () => T): T { return runInFrame({ grad: true }, fn) }

/** Runs `fn` in inference mode, or, with `enabled` false, in normal mode with recording. Source: torch.inference_mode. */
export function inferenceMode<T>(fn: () => T, enabled = true): T { return runInFrame({ grad: !enabled, inference: enabled }, fn) }

/** Switches recording for `fn`, or from now on until the guard or function form around the call ends. Source: torch.set_grad_enabled. */
export function setGradEnabled(enabled: boolean): void
export function setGradEnabled<T>(enabled: boolean, fn: () => T): T
export function setGradEnabled<T>(enabled: boolean, fn?: () => T): T | undefined {
  if (fn !== undefined) return runInFrame({ grad: enabled }, fn)
  currentFrame().grad = enabled
}

/**
 * What all guards are: modes set when the guard is made and restored when it is disposed of, for `using` or `dispose()`.
 * Guards close innermost first. Closing an outer one first closes those inside it, restores what the outer one saw, and throws `guard-order`.
 * A guard covers synchronous code: one that is still open when the running code yields is closed there, and its disposal throws `async-mode`.
 */
export class ModeGuard implements Disposable {
  readonly #frame = currentFrame()
  readonly #grad = this.#frame.grad
  readonly #inference = this.#frame.inference
  #state: 'open' | 'closed' | 'outlived' = 'open'

  /** Use a subclass. */
  constructor(modes: { readonly grad: boolean; readonly inference?: boolean }) {
    this.#frame.grad = modes.grad
    this.#frame.inference = modes.inference ?? this.#inference
    this.#frame.guards.push(this)
    queueMicrotask(() => { if (this.#state === 'open') this.#close('outlived') })
  }

  /** Restores the modes that the guard saw when it was made; does nothing the second time. Throws `guard-order` and `async-mode`, with the modes restored. */
  dispose(): void {
    if (this.#state === 'outlived') {
      this.#state = 'closed'
      throw new IngotError('async-mode', `a ${this.constructor.name} was held across an await; its mode ended there, so that other tasks did not run in it`, { hint: 'use the function form, which follows its own awaits: await inferenceMode(async () => …)' })
    }
    if (this.#state === 'closed') return
    const inner = this.#close('closed')
    if (inner > 0) throw new IngotError('guard-order', `a ${this.constructor.name} was disposed of before ${inner === 1 ? 'the guard' : `the ${inner} guards`} opened inside it, which are closed with it`, { hint: 'dispose of guards innermost first, or let `using` do it' })
  }

  [Symbol.dispose](): void { this.dispose() }

  /** Closes the guard and those inside it; how many of those there were. */
  #close(state: 'closed' | 'outlived'): number {
    const { guards } = this.#frame
    const closing = guards.splice(guards.indexOf(this))
    for (const guard of closing) guard.#state = state
    this.#frame.grad = this.#grad
    this.#frame.inference = this.#inference
    return closing.length - 1
  }
}

/** Nothing is recorded while it is open: `using guard = new NoGradGuard()`. Source: at::NoGradGuard. */
export class NoGradGuard extends ModeGuard {
  constructor() { super({ grad: false }) }
}

/** Operations are recorded while it is open, unless inference mode is on. Source: torch.enable_grad. */
export class EnableGradGuard extends ModeGuard {
  constructor() { super({ grad: true }) }
}

/** Recording is as said while it is open. Source: at::AutoGradMode. */
export class AutoGradMode extends ModeGuard {
  constructor(enabled: boolean) { super({ grad: enabled }) }
}

/**
 * Inference mode while it is open: nothing is recorded, and new tensors are inference tensors. With `false` normal mode, with recording on,
 * also inside inference mode or `NoGradGuard`. Source: c10::InferenceMode.
 */
export class InferenceMode extends ModeGuard {
  constructor(enabled = true) { super({ grad: !enabled, inference: enabled }) }
}
