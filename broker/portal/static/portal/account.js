// Say in the page what a passkey's own window did not, and fill in the code that a link carries behind its "#".
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("passkey-error").hidden = false;
});

// What stands behind "#" is never sent to a server by itself, so the code is in no log of one.
const code = document.getElementById("id_code");
if (code && location.pathname === "/invitation/" && location.hash.length > 1) {
  code.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
