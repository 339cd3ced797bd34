/** Sample programs for the wasm target. */
import { renderWasmModule } from '../../src/codegen/wasm/render.js'
import type { Kernel } from '../../src/ir/kernel/kernel.js'
import type { ProgramData } from '../../src/runtime/format.js'

/** The same program for the wasm target; `together`: with all its steps as one function. */
export const asWasm = ({ header, sections }: ProgramData, together = false): ProgramData => ({
  header: { ...header, target: 'wasm', kernels: header.kernels.map(({ name }) => ({ name, code: name })) },
  sections: { ...sections, wasm: renderWasmModule(header.kernels.map((kernel) => kernel.code as Kernel), together ? { steps: header.steps.map((s) => s.kernel) } : {}) },
})
