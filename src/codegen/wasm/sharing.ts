/**
 * How threads share work in WebAssembly. Every thread has an instance of the module over one memory; at the address in the global `share.at`
 * they keep, each on a cache line of its own: the number of meetings so far (negative once a thread has failed), the threads that
 * have arrived at the next, those of them that sleep, and the units that are given out. Who arrives last lets the others go.
 */
import { atomic, branch, constant, get, getGlobal, loop, op, set, setGlobal, tee, type Code } from './instructions.js'
import type { CallHelper, HelperFunction } from './math.js'

/** Byte offsets from `share.at`. */
const MEETINGS = 0, ARRIVED = 64, SLEEPING = 128, GIVEN = 192

/** Units drawn at a time where one thread does everything. */
const WHOLE = 0x3fffffff

/** A step's word for a thread that does it alone. */
const ALONE = 0x20000

/** Looks at the number of meetings before a thread sleeps: some tens of microseconds. */
const LOOKS = 10_000

/** What `memory.atomic.wait32` gives where nobody woke it in time. */
const TIMED_OUT = 2

/** Globals of every module, after those of faults: where threads meet, their number, into how many draws a part is divided (0: one thread does it all), how many units a draw has, and milliseconds after which a thread that sleeps takes the others to be lost. */
export const SHARE_GLOBALS = [{ name: 'share.at', value: 0n }, { name: 'share.threads', value: 1n }, { name: 'share.draws', value: 0n }, { name: 'share.drawn', value: 0n }, { name: 'share.patience', value: 30_000n }] as const
const FIRST_GLOBAL = 3
const AT = FIRST_GLOBAL, THREADS = FIRST_GLOBAL + 1, DRAWS = FIRST_GLOBAL + 2, DRAWN = FIRST_GLOBAL + 3, PATIENCE = FIRST_GLOBAL + 4

const i32 = (n: number): Code => constant('i32', n)
const at = getGlobal(AT)
const load = (offset: number): Code => atomic('i32.atomic.load', offset, at)
const store = (offset: number, value: Code): Code => atomic('i32.atomic.store', offset, at, value)
const addTo = (offset: number, value: Code): Code => atomic('i32.atomic.rmw.add', offset, at, value)

/** Functions that shared kernels call. */
export const SHARING: Readonly<Record<string, HelperFunction>> = {
  /** The first unit of the next draw from a part of so many units; the global `share.drawn` is how many they are. */
  'share.draw': {
    params: ['i32'], result: 'i32', locals: ['i32'],
    body: () => branch('i32', getGlobal(DRAWS),
      [set(1, op('i32.div_u', get(0), getGlobal(DRAWS))), setGlobal(DRAWN, op('i32.add', get(1), op('i32.eqz', get(1)))), addTo(GIVEN, getGlobal(DRAWN))],
      [setGlobal(DRAWN, i32(WHOLE)), i32(0)]),
  },
  /** Waits until all threads are here; traps where one has failed, or does not come. */
  'share.meet': {
    params: [], locals: ['i32', 'i32', 'i32'],
    body: () => [
      branch(undefined, op('i32.lt_s', tee(0, load(MEETINGS)), i32(0)), op('unreachable'), []),
      branch(undefined, op('i32.eq', op('i32.add', addTo(ARRIVED, i32(1)), i32(1)), getGlobal(THREADS)),
        [
          store(ARRIVED, i32(0)), store(GIVEN, i32(0)), store(MEETINGS, op('i32.and', op('i32.add', get(0), i32(1)), i32(0x7fffffff))),
          branch(undefined, load(SLEEPING), [atomic('memory.atomic.notify', MEETINGS, at, i32(-1)), op('drop')], []),
        ],
        [
          loop([
            branch(undefined, op('i32.ge_u', get(1), i32(LOOKS)), [
              op('drop', addTo(SLEEPING, i32(1))),
              set(2, atomic('memory.atomic.wait32', MEETINGS, at, get(0), op('i64.mul', op('i64.extend_i32_u', getGlobal(PATIENCE)), constant('i64', 1_000_000)))),
              op('drop', addTo(SLEEPING, i32(-1))),
              branch(undefined, op('i32.eq', get(2), i32(TIMED_OUT)), [store(MEETINGS, i32(-1)), op('drop', atomic('memory.atomic.notify', MEETINGS, at, i32(-1))), op('unreachable')], []),
            ], set(1, op('i32.add', get(1), i32(1)))),
          ], op('i32.eq', load(MEETINGS), get(0))),
          branch(undefined, op('i32.lt_s', load(MEETINGS), i32(0)), op('unreachable'), []),
        ]),
    ],
  },
  /** `share.meet` where threads share the kernel at hand. */
  'share.meet_inside': { params: [], body: (call) => branch(undefined, getGlobal(DRAWS), call('share.meet'), []) },
}

/** Draws units from a part of `total`: sets locals to the first and to that behind the last. */
export const drawUnits = (from: number, until: number, total: Code, call: CallHelper): Code => set(until, op('i32.add', tee(from, call('share.draw', total)), getGlobal(DRAWN)))

/**
 * Does a step's work as `word` says: twice the number of draws that its parts are divided into, or `ALONE` where this thread does it all; 0 where another
 * does; plus 1 where threads meet after it. `local` is free.
 */
export function renderStep(word: Code, local: number, work: Code, meet: Code): Code {
  return [
    branch(undefined, op('i32.gt_u', tee(local, word), i32(1)), [setGlobal(DRAWS, op('i32.and', op('i32.shr_u', get(local), i32(1)), i32(ALONE / 2 - 1))), work], []),
    branch(undefined, op('i32.and', get(local), i32(1)), meet, []),
  ]
}

/** Sets back what `renderStep` has set. */
export const endSteps: Code = setGlobal(DRAWS, i32(0))
