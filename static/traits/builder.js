// The trait builder: the properties offered for the value are those of the event that is named.
const form = document.querySelector("[data-builder]");

form?.addEventListener("change", (event) => {
  const field = event.target;
  const box = form.querySelector("#value")?.closest(".combobox");
  if (!field.matches("[name='n-0.name']") || !box) return;
  const params = JSON.parse(box.dataset.params);
  if (!("event" in params)) return;
  params.event = field.value.trim();
  box.dataset.params = JSON.stringify(params);
});
