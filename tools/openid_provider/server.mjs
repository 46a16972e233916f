// A certified provider of OpenID Connect (panva's oidc-provider) for trials of single sign-on:
//   npm install oidc-provider@8 && node server.mjs 9500 https://app.example.com/sso/callback
// Its client is "vocalized" with the secret "secret"; any login signs in as that mail address. It tells the address in
// the user info, not in the ID token, and demands PKCE.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, redirectUri, algorithm = "RS256"] = process.argv.slice(2);
const kinds = { RS256: ["rsa", { modulusLength: 2048 }], PS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }], EdDSA: ["ed25519", {}] };
const [kind, options] = kinds[algorithm];
const key = generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" });
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "vocalized",
    client_secret: "secret",
    redirect_uris: [redirectUri],
    id_token_signed_response_alg: algorithm,
  }],
  jwks: { keys: [{ ...key, kid: "first", use: "sig", alg: algorithm }] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: true, name: id.split("@")[0] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
