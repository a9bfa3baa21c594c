import { createClient } from '@redis/client'
import { type Connect, SEATS } from './decider.ts'

/** Looks and writes in one go: nothing comes in between while a script runs. */
const script = `
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken >= tonumber(ARGV[1]) then return -1 end
redis.call('SET', KEYS[1], taken + 1)
return taken + 1
`

/** A Lua script of Redis, whose append-only file is flushed before each answer. */
export const connect: Connect = async (port, clients) => {
  const connections = await Promise.all(
    Array.from({ length: clients }, () =>
      createClient({ socket: { host: '127.0.0.1', port } })
        .on('error', (error) => console.error(error))
        .connect(),
    ),
  )
  const loaded = await connections[0]!.scriptLoad(script)
  return {
    async take(client, show) {
      const seat = await connections[client]!.evalSha(loaded, { keys: [`show ${show}`], arguments: [String(SEATS)] })
      if (seat === -1) throw new Error('There are no seats left.')
    },
    async taken(shows) {
      const counts = await connections[0]!.mGet(Array.from({ length: shows }, (_, show) => `show ${show}`))
      return counts.reduce((sum, count) => sum + Number(count ?? 0), 0)
    },
    async close() {
      for (const connection of connections) await connection.close()
    },
  }
}
