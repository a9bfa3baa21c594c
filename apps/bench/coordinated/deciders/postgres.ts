import postgres from 'postgres'
import { type Connect, SEATS } from './decider.ts'

/** A serializable transaction that looks and then writes, and is run again when it was in the way of another, as the documentation of PostgreSQL wants it. */
export const connect: Connect = async (port, clients) => {
  const connections = Array.from({ length: clients }, () =>
    postgres({ host: '127.0.0.1', port, user: 'syncline', database: 'postgres', max: 1 }),
  )
  await connections[0]!`create table if not exists shows (id int primary key, taken int not null)`
  await connections[0]!`insert into shows select id, 0 from generate_series(0, 99) as id on conflict do nothing`
  await Promise.all(connections.map((sql) => sql`select 1`))

  async function once(sql: postgres.Sql, show: number): Promise<void> {
    await sql.begin('isolation level serializable', async (tx) => {
      const [{ taken }] = await tx<[{ taken: number }]>`select taken from shows where id = ${show}`
      if (taken >= SEATS) throw new Error('There are no seats left.')
      await tx`update shows set taken = ${taken + 1} where id = ${show}`
    })
  }

  return {
    async take(client, show) {
      for (;;) {
        try {
          await once(connections[client]!, show)
          return
        } catch (error) {
          if (!isConflict(error)) throw error
        }
      }
    },
    async taken(shows) {
      const [{ sum }] = await connections[0]!<[{ sum: string }]>`select sum(taken) from shows where id < ${shows}`
      return Number(sum)
    },
    async close() {
      for (const sql of connections) await sql.end()
    },
  }
}

/** `serialization_failure` and `deadlock_detected`. */
function isConflict(error: unknown): boolean {
  return error instanceof postgres.PostgresError && (error.code === '40001' || error.code === '40P01')
}
