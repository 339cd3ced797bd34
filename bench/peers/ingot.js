/** Ingot as a contestant. */
import { load } from '../../dist/src/index.js'

/** A compiled program (bytes, or what `compile` gives) on so many threads. */
export async function ingotContestant(program, threads) {
  const session = await load(program, { threads })
  return {
    session,
    /** Waits until all threads take part; until then runs have one. Throws where they cannot be had. */
    async start(feeds) {
      await session.run(feeds)
      const [notice] = session.notices ?? ['sessions have no threads']
      if (threads > 1 && notice !== undefined) throw new Error(notice)
    },
    run: (feeds) => session.runSync(feeds),
    outputs: (feeds) => Object.fromEntries(Object.entries(session.runSync(feeds)).map(([name, t]) => [name, { dtype: t.dtype, shape: t.shape, data: t.data }])),
    end: () => session.dispose(),
  }
}
