/** Ingot as a contestant. */
import { load } from '../../dist/src/index.js'

/** A compiled program (bytes, or what `compile` gives) on so many threads. Throws where the session has another number of them. */
export async function ingotContestant(program, threads) {
  const session = await load(program, { threads })
  if ((session.threads ?? 1) !== threads) {
    session.dispose()
    throw new Error(`a session of ${session.threads ?? 1} threads where ${threads} were asked for`)
  }
  return {
    session,
    run: (feeds) => session.runSync(feeds),
    outputs: (feeds) => Object.fromEntries(Object.entries(session.runSync(feeds)).map(([name, t]) => [name, { dtype: t.dtype, shape: t.shape, data: t.data }])),
    end: () => session.dispose(),
  }
}
