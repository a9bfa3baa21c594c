import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose'
import { describe, expect, test } from 'vitest'
import { jwtAuthentication, rightsInClaim } from '../src/jwt.ts'
import { startMs } from './kit.ts'

const nowMs = (): number => startMs
const secret = new Uint8Array(32).fill(7)
const good: JWTPayload = { sub: 'ann', iss: 'us', aud: 'board', exp: startMs / 1000 + 60 }
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

const shared = (claims: JWTPayload, key = secret, alg = 'HS256'): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(key)

const authenticate = jwtAuthentication({ keys: secret, issuer: 'us', audience: 'board', nowMs })
const notOurs = { denied: 'Your token is not one for this relay. Sign in.' }

describe('tokens', () => {
  test('[RL97] a good one names its principal, and how long it is good', async () => {
    expect(await authenticate(bytes(await shared(good)))).toEqual({
      principal: 'ann',
      untilMs: startMs + 60_000,
      claims: good,
    })
  })

  const { exp: _, ...endless } = good
  const { sub: __, ...nameless } = good
  test.each<readonly [string, () => string | Promise<string>, object]>([
    ['none', () => '', { denied: 'You have no token. Sign in.' }],
    ['what is no token', () => 'c4n4ry', notOurs],
    ['of another secret', () => shared(good, new Uint8Array(32).fill(8)), notOurs],
    ['not signed', () => new UnsecuredJWT(good).encode(), notOurs],
    ['of another issuer', () => shared({ ...good, iss: 'them' }), notOurs],
    ['for others', () => shared({ ...good, aud: 'bank' }), notOurs],
    ['without an end', () => shared(endless), notOurs],
    ['without a name', () => shared(nameless), notOurs],
    [
      'with an empty name',
      () => shared({ ...good, sub: '' }),
      { denied: 'Your token does not say who you are ("sub"). Sign in.' },
    ],
    ['that is over', () => shared({ ...good, exp: startMs / 1000 }), { denied: 'Your token is over. Sign in.' }],
    ['that is not good yet', () => shared({ ...good, nbf: startMs / 1000 + 1 }), notOurs],
    [
      'changed',
      async () =>
        (await shared(good)).replace(
          /^(.*\.)(.*)(\..*)$/,
          (_all, head, __body, sum) =>
            `${head}${Buffer.from(JSON.stringify({ ...good, sub: 'eve' })).toString('base64url')}${sum}`,
        ),
      notOurs,
    ],
  ])('[RL97] one %s is not taken', async (_name, token, expected) => {
    expect(await authenticate(bytes(await token()))).toEqual(expected)
  })

  test('[RL97] a short secret is refused at once', () => {
    expect(() => jwtAuthentication({ keys: new Uint8Array(31) })).toThrow('31 bytes')
  })

  test('[RL97] with public keys, also from an address; a key that is not known is looked for, and a secret is none', async () => {
    const [first, second] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')]
    const jwk = { ...(await exportJWK(first.publicKey)), kid: 'one', alg: 'ES256' }
    const local = jwtAuthentication({ keys: { keys: [jwk] }, nowMs })
    const tokenOf = (key: CryptoKey, kid: string): Promise<string> =>
      new SignJWT(good).setProtectedHeader({ alg: 'ES256', kid }).sign(key)
    const token = await tokenOf(first.privateKey, 'one')
    expect(await local(bytes(token))).toMatchObject({ principal: 'ann' })
    expect(await local(bytes(await tokenOf(second.privateKey, 'one')))).toEqual(notOurs)
    // The old trick: signed with what is public.
    expect(await local(bytes(await shared(good, bytes(JSON.stringify(jwk)))))).toEqual(notOurs)

    let isUp = true
    const server = createServer((_request, response) => {
      response.statusCode = isUp ? 200 : 500
      response.end(JSON.stringify({ keys: [jwk] }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // listening on TCP, so neither null nor a path
    const url = new URL(`http://127.0.0.1:${port}/jwks.json`)
    expect(await jwtAuthentication({ keys: url, nowMs })(bytes(token))).toMatchObject({ principal: 'ann' })
    isUp = false
    const failure = await jwtAuthentication({ keys: url, nowMs })(bytes(token)).catch(String)
    expect(failure).toContain('cannot be had')
    expect(failure).not.toContain(token)
    await new Promise((resolve) => server.close(resolve))
  })
})

test('[RL97] rights in a claim: the exact name, then the longest beginning', () => {
  const authorize = rightsInClaim('spaces')
  const spaces = {
    board: ['read', 'write'],
    'team/*': ['read'],
    'team/a/*': ['read', 'presence'],
    '*': ['admin'],
    odd: 'read',
  }
  const who = { principal: 'ann', claims: { spaces } }
  const table = [
    ['board', 'write', true],
    ['board', 'presence', false],
    ['board2', 'read', false],
    ['board2', 'admin', true],
    ['team/x', 'read', true],
    ['team/x', 'presence', false],
    ['team/a/1', 'presence', true],
    ['odd', 'read', false],
  ] as const
  for (const [space, action, expected] of table)
    expect([space, action, authorize(who, space, action)]).toEqual([space, action, expected])
  for (const claims of [undefined, null, 'x', {}, { spaces: [] }])
    expect(authorize({ principal: 'ann', claims }, 'board', 'read')).toBe(false)
})
