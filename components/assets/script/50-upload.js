// Uploads a file with its progress, straight to the API; then tells the page by the button that nobody sees.
(() => {
  addEventListener("submit", (event) => {
    const form = event.target.closest && event.target.closest("[data-upload]");
    if (!form) return;
    event.preventDefault();
    const said = form.querySelector("[data-said]");
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) { said.textContent = "Choose a file first."; return; }
    const query = new URLSearchParams({ symbol: form.elements.symbol.value.trim(), timeframe: form.elements.timeframe.value.trim() });
    const body = new FormData();
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", `${form.dataset.upload}?${query}`);
    request.upload.onprogress = (at) => {
      said.textContent = at.loaded < at.total ? `Sending: ${Math.round(at.loaded / at.total * 100)} %` : "It is being read …";
    };
    request.onerror = () => { said.textContent = "The connection broke; nothing was taken. Try again."; };
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      if (request.status === 201) {
        said.textContent = [`Taken in as ${answer.name}.`, ...(answer.notes || [])].join(" ");
        form.querySelector("input[type=file]").value = "";
        form.querySelector("[data-done]").click();
      } else {
        said.textContent = answer.detail || answer.title || `Not taken (${request.status}).`;
      }
    };
    said.textContent = "Sending …";
    request.send(body);
  });
})();
