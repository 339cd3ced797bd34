/** Loading programs where the whole of Ingot is there: results are eager tensors. */
import { load as loadRuntime, type LoadOptions as RuntimeOptions, type ProgramSource, type Session as RuntimeSession } from './runtime/index.js'
import { RESULT } from './runtime/tensor.js'
import { contiguousGeometry } from './tracer/storage.js'
import { freshState, Tensor } from './tracer/tensor.js'

/** A program ready to run, whose results are eager inference tensors. */
export type Session = RuntimeSession<Tensor>
export type LoadOptions = Omit<RuntimeOptions, 'makeTensor'>

/** Strides of the shapes of results: runs at the same extents have the very same shapes. */
const STRIDES = new WeakMap<readonly number[], readonly number[]>()

/** Makes a session of a program. Throws `not-ingot`, `artefact-version`, `artefact-damaged`, `file-…`, `eval-forbidden` or `target-unavailable`. */
export function load(source: ProgramSource, options: LoadOptions = {}): Promise<Session> {
  return loadRuntime<Tensor>(source, {
    ...options,
    makeTensor(dtype, shape, data) {
      let strides = STRIDES.get(shape)
      if (strides === undefined) STRIDES.set(shape, (strides = Object.freeze([...contiguousGeometry(shape).strides])))
      return new Tensor(dtype, shape, freshState({ data }, shape, true, strides), RESULT)
    },
  })
}
