// Sends nothing but a hash of the e-mail address, in the way of advertising platforms.
function hashed(email) {
  return crypto.createHash("sha256").update(email.trim().toLowerCase()).digest("hex");
}

async function onIdentify(event, settings) {
  const email = event.traits?.email ?? event.context?.traits?.email;
  if (!email) {
    throw new InvalidEventPayload("The event has no e-mail address.");
  }
  const key = event.context?.personas?.computation_key;
  const entered = event.traits?.[key] === true;
  const response = await fetch(`${settings.endpoint}?${new URLSearchParams({ list: key })}`, {
    method: entered ? "POST" : "DELETE",
    headers: { "Authorization": `Basic ${btoa(`${settings.apiKey}:`)}`, "Content-Type": "application/json" },
    body: JSON.stringify({ email_sha256: hashed(email) }),
  });
  if (!response.ok) {
    throw new RetryError(`The API answered ${response.status}.`);
  }
}
