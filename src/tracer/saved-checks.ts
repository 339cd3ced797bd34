/** The checks that a backward pass would make, made when a trace ends, so that stripping the marks of recording hides no error. */
import { IngotError } from '../base/error.js'
import type { GradFunction } from './grad-function.js'
import { gradFnOf } from './history.js'
import type { TraceRecorder } from './recorder.js'
import { unpack, type SavedValue } from './saved.js'
import { Tensor } from './tensor.js'

/** Leaves a `version.check` for every tensor saved for a backward pass from `outputs`. Throws `saved-changed`, at the line of the change, where that pass would. */
export function checkSavedOf(outputs: readonly Tensor[], recorder: TraceRecorder): void {
  const seen = new Set<GradFunction>()
  const stack = outputs.map(gradFnOf)
  for (let fn = stack.pop(); fn !== undefined; fn = stack.pop()) {
    if (fn === null || seen.has(fn)) continue
    seen.add(fn)
    for (const saved of fn.body.saved?.() ?? []) checkOne(saved, recorder)
    for (const edge of fn.edges) if (edge !== null) stack.push(edge.fn)
  }
}

function checkOne(saved: SavedValue, recorder: TraceRecorder): void {
  const { tensor } = saved
  if (!(tensor instanceof Tensor) || !recorder.knows(tensor)) return
  try {
    unpack(saved)
  } catch (error) {
    if (!(error instanceof IngotError)) throw error
    const origin = error.where.origin ?? recorder.writtenAt(tensor)
    throw new IngotError(error.code, error.what, {
      where: { ...error.where, ...(origin !== undefined && { origin }) }, cause: error,
      hint: 'change a clone instead; or trace in inference mode, where nothing is saved and no backward pass can follow',
    })
  }
}
