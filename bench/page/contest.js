/** A page with one contestant, which loads its model and runs it once; then runs are counted and timed as the bench asks. */
import { countRun } from './count-gpu.js'

const ARRAYS = { float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array, float16: Uint16Array }

const fromBase64 = ({ dtype, shape, base64 }) => ({ dtype, shape, data: new ARRAYS[dtype](Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer) })

function toBase64({ dtype, shape, data }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  let text = ''
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return { dtype, shape: [...shape], base64: btoa(text) }
}

/**
 * Makes `globalThis.bench` of the page's contestant: `open(feeds)` gives what runs, `tensorsOf(results)` the results by name as dtype,
 * shape and data. `opened` are the milliseconds from the start of navigation to the first result.
 */
export function contest(open, tensorsOf) {
  const feeds = Object.fromEntries(Object.entries(globalThis.feeds).map(([name, feed]) => [name, fromBase64(feed)]))
  let run
  globalThis.bench = {
    opened: open(feeds).then(async (made) => {
      run = made
      await run()
      return performance.now()
    }),
    /** What a run asks of WebGPU, and its outputs. */
    async count() {
      const { counts, result } = await countRun(run)
      return { counts, outputs: Object.fromEntries(Object.entries(tensorsOf(result)).map(([name, t]) => [name, toBase64(t)])) }
    },
    /** Milliseconds of each of so many runs. */
    async time(runs) {
      const times = []
      for (let i = 0; i < runs; i++) {
        const start = performance.now()
        await run()
        times.push(performance.now() - start)
      }
      return times
    },
  }
}
