/** The relay as it is started, on a free port: `serve <folder>`, as the child of whoever measures it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createRelay } from '@syncline/relay'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { attachRelay } from '@syncline/relay/node'

const [folder = ''] = process.argv.slice(2)
const server = createServer()
attachRelay(server, createRelay({ storage: await openLmdbStorage(folder) }))
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(0))
