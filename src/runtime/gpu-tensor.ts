/** Tensors that lie in a buffer of a GPU: fed to a program for WebGPU, or left there by it. */
import type { DType } from '../base/dtype.js'

/** A tensor in a `GPUBuffer` of the session's device: row-major elements of `dtype` (float32, int32 or uint32) from byte `offset` (0 where absent, a multiple of 4) on. */
export interface GpuTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly buffer: object
  readonly offset?: number
}

/** How a run gives its results. */
export interface RunOptions {
  /**
   * Results that stay on the GPU, by name (wgsl): in a `GPUBuffer` of the caller's with the usage COPY_DST, or where `'own'` in one that the
   * session keeps, which the next such run of the same shapes overwrites and `trim` and `dispose` destroy. They are copied there without being read back.
   */
  readonly gpu?: Readonly<Record<string, object | 'own'>>
}
