// Fills in the card form with a test card. Without this script the buttons stay hidden, and the numbers can be copied.
"use strict";

const cards = document.getElementById("test-cards");
const values = { exp_month: cards.dataset.month, exp_year: cards.dataset.year, cvc: cards.dataset.cvc };

for (const button of cards.querySelectorAll("button[data-number]")) {
  button.hidden = false;
  button.addEventListener("click", () => fill(button.dataset.number));
}

function fill(number) {
  for (const [name, value] of Object.entries({ number, ...values })) {
    const field = document.getElementById(name);
    field.value = value;
    field.removeAttribute("aria-invalid");
  }
  document.getElementById("filled").textContent = `The form is filled in with the card ${number}.`;
  // From here, Enter pays. On a phone this also brings the form back into view.
  document.getElementById("pay").focus();
}
