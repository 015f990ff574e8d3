// node daemon.mjs LOG FOLDER: a whole guard reads a log that is there, with a store and a log of its own, and bans by an
// action that does nothing; prints what it found and banned.
import { jailSettings, makeGuard } from './parts.mjs'

const [, , log, folder] = process.argv
const guard = await makeGuard(folder)
const idle = { name: 'nothing', action: 'nothing', options: {} }
guard.start([jailSettings({ logPaths: [{ glob: log, from: 'head' }], actions: [idle] })])
await guard.settle()
const { totalFailed, totalBanned } = guard.jail('sshd').decider
await guard.stop(false)
guard.services.store.close()
console.log(JSON.stringify({ found: totalFailed, banned: totalBanned }))
