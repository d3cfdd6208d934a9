// One handler per type of call. Throw RetryError to be called again later, ValidationError to refuse the event.
async function onTrack(event, settings) {
  const response = await fetch(settings.endpoint, {
    method: "POST",
    headers: {
      "Authorization": `Bearer ${settings.apiKey}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      id: event.userId,
      event: event.event,
      properties: event.properties,
      audience: event.context?.personas?.computation_key,
    }),
  });
  if (response.status === 429 || response.status >= 500) {
    throw new RetryError(`The API answered ${response.status}.`);
  }
  if (!response.ok) {
    throw new ValidationError(`The API answered ${response.status}: ${await response.text()}`);
  }
}

async function onIdentify(event, settings) {
  console.log("traits", event.traits);
}
