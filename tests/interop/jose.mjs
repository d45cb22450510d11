// What npm's `jose` makes of our tokens, and tokens of its own. One JSON in, one JSON out.
import { text } from 'node:stream/consumers'
import * as jose from 'jose'

const { verify = {}, make = {} } = JSON.parse(await text(process.stdin))
const answer = { node: process.versions.node, verified: {}, made: {} }

// The platform's own errors have a number there.
function code(error) {
  return typeof error.code === 'string' ? error.code : error.name
}

// Each with its own set: fetched over HTTP, chosen by kid and alg, kept for all tokens of it.
for (const [name, { jwksUri, issuer, audience, tokens }] of Object.entries(verify)) {
  const keys = jose.createRemoteJWKSet(new URL(jwksUri))
  answer.verified[name] = []
  for (const token of tokens) {
    try {
      const { payload } = await jose.jwtVerify(token, keys, { issuer, audience })
      answer.verified[name].push(payload.sub)
    } catch (error) {
      answer.verified[name].push(code(error))
    }
  }
}

for (const [name, { alg, crv, issuer, audience }] of Object.entries(make)) {
  try {
    const pair = await jose.generateKeyPair(alg, { crv, extractable: true })
    const jwk = await jose.exportJWK(pair.publicKey)
    const kid = await jose.calculateJwkThumbprint(jwk)
    const token = await new jose.SignJWT({})
      .setProtectedHeader({ alg, kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject('ada')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(pair.privateKey)
    answer.made[name] = { jwk: { ...jwk, kid, alg }, token }
  } catch (error) {
    answer.made[name] = { refused: code(error) }
  }
}

console.log(JSON.stringify(answer))
