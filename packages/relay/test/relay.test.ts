import { expect, test } from 'vitest'
import { ann, bob, join, record, run, told, until, world } from './kit.ts'

test('[RL1] Changes are ordered, acknowledged to their author and forwarded to the others', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  expect(a.last('basis')).toMatchObject({ head: 0, epoch: b.last('basis').epoch })
  a.send(run(ann, 1, 3))
  await until(() => told(a).length === 3 && told(b).length === 3)
  b.send([record(bob, 1)])
  await until(() => told(a).length === 4 && told(b).length === 4)
  expect(told(a)).toEqual([`${ann}:1`, `${ann}:2`, `${ann}:3`, record(bob, 1)])
  expect(told(b)).toEqual([...run(ann, 1, 3), `${bob}:1`])
})
