/** What the page and its worker say to each other. */
import type { CompileReport } from '../../src/index.js'

/** Targets that this page compiles for; the js target needs evaluation, which its policy forbids. */
export type PageTarget = 'wasm' | 'wgsl'

export interface ModelFile { readonly name: string; readonly bytes: Uint8Array }

export interface RunOptions {
  /** Values of the symbols in the shapes of inputs. */
  readonly symbols: Readonly<Record<string, number>>
  /** By input: the largest of its random integers. */
  readonly largest: Readonly<Record<string, number>>
  readonly runs: number
  readonly threads: number
}

export type Request =
  | { readonly kind: 'look' }
  | { readonly kind: 'open'; readonly files: readonly ModelFile[] }
  | { readonly kind: 'example' }
  | { readonly kind: 'run'; readonly options: RunOptions }
  | { readonly kind: 'download'; readonly target: string }

/** What there is here, and for what is missing why. */
export interface Environment {
  readonly isolated: boolean
  readonly threads: number
  readonly webgpu: { readonly adapter: string } | { readonly missing: string }
}

/** An `IngotError`, or another error, as data. */
export interface Failure { readonly code: string; readonly what: string; readonly where: string; readonly hint: string }

export interface PortText { readonly name: string; readonly dtype: string; readonly shape: string }

/** A symbol that the user fills in, with what stands there at first. */
export interface OpenSymbol { readonly name: string; readonly input: string; readonly value: number }

/** A model compiled for one target, or read from an artefact, or why that failed. */
export type TargetInfo =
  | { readonly kind: 'compiled'; readonly target: string; readonly ms: number; readonly bytes: number; readonly constantBytes: number; readonly steps: number; readonly kernels: number; readonly report: CompileReport | null }
  | { readonly kind: 'failed'; readonly target: string; readonly failure: Failure }

export interface ModelInfo {
  readonly name: string
  readonly fileBytes: number
  readonly inputs: readonly PortText[]
  readonly outputs: readonly PortText[]
  /** Names of the inputs of integers, whose random values have a bound to choose. */
  readonly integers: readonly string[]
  readonly symbols: readonly OpenSymbol[]
  readonly targets: readonly TargetInfo[]
}

export interface OutputInfo { readonly name: string; readonly dtype: string; readonly shape: string; readonly low: number; readonly high: number; readonly first: string }
export interface KernelTime { readonly kernel: string; readonly calls: number; readonly ms: number }
export interface StepTime { readonly kernel: string; readonly origin: string; readonly ms: number; readonly gflops: number | null }

/** Runs on one target; times in milliseconds, those of kernels and steps for one run. */
export type RunInfo =
  | { readonly kind: 'ran'; readonly target: string; readonly loadMs: number; readonly firstMs: number; readonly medianMs: number; readonly runs: number; readonly outputs: readonly OutputInfo[]; readonly kernels: readonly KernelTime[]; readonly steps: readonly StepTime[]; readonly notices: readonly string[]; readonly arenaBytes: number }
  | { readonly kind: 'failed'; readonly target: string; readonly failure: Failure }

/** How far the second target's output is from the first's, relative to its peak. */
export interface Comparison { readonly name: string; readonly ofPeak: number; readonly what: string }

export type Reply =
  | { readonly kind: 'environment'; readonly environment: Environment }
  | { readonly kind: 'progress'; readonly target: string; readonly name: string; readonly ms: number | null }
  | { readonly kind: 'opened'; readonly model: ModelInfo }
  | { readonly kind: 'ran'; readonly results: readonly RunInfo[]; readonly comparisons: readonly Comparison[] }
  | { readonly kind: 'artefact'; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'failed'; readonly failure: Failure }
