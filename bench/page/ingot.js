import { load } from '../ingot/index.js'
import { contest } from './contest.js'

contest(async (feeds) => {
  const session = await load('../program.ingot')
  return () => session.run(feeds)
}, (results) => results)
