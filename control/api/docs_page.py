"""The page, start script and style sheet that `/docs` adds to Swagger UI.

Swagger UI has accessibility faults for people who use a keyboard, a screen reader or a phone, or who see little
contrast. The script and the style sheet fix the faults that axe-core finds (WCAG 2.2, AA).
"""

from typing import Final

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vocalized API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<noscript><p>This page needs JavaScript. Its document is at <a href="/openapi.json">/openapi.json</a>.</p></noscript>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START: Final = """// Swagger UI puts a link into the button of each operation, which screen readers cannot reach.
const TextInsteadOfLink = (system) => ({
  wrapComponents: { DeepLink: () => (props) => system.React.createElement("span", null, props.text) }
});
// What it leaves without a landmark, the right level of heading, or a name that contains the visible one.
const ATTRIBUTES = [
  [".information-container", { role: "region", "aria-label": "About this API" }],
  [".scheme-container", { role: "region", "aria-label": "Server and sign-in" }],
  [".filter-container", { role: "search", "aria-label": "Filter operations" }],
  [".operation-filter-input", { "aria-label": "Filter by tag or path" }],
  [".servers select", { "aria-label": "Server" }],
  [".examples-select-element", { "aria-label": "Example" }],
  ["tr[data-param-name] :is(input, select, textarea)", { "aria-label": (one) => one.closest("tr").dataset.paramName }],
  [".json-schema-2020-12-accordion", { "aria-label": (one) => one.textContent.trim() || "Schema" }],
  [".responses-table", { role: "table" }],
  ["textarea.body-param__text", { "aria-label": "Request body" }],
  [".modal-ux", { role: "dialog", "aria-modal": "true", "aria-label": "Available authorizations" }],
  [".modal-ux-header h3", { "aria-level": "2" }],
  [".close-modal", { "aria-label": "Close" }],
  [".auth-container input", { "aria-label": "Value: the token" }],
  [".auth-container .authorize", { "aria-label": "Authorize: use this token" }],
  [".auth-container .btn-done", { "aria-label": "Close" }],
  [".view-line-link", { role: "group" }],
  ["h3.opblock-tag", { "aria-level": "2" }],
  ["h4", { "aria-level": "3" }],
  ["h5", { "aria-level": "4" }],
  [".highlight-code pre, .responses-table pre, .table-container", { tabindex: "0" }]
];
function complete() {
  for (const [selector, attributes] of ATTRIBUTES) {
    for (const element of document.querySelectorAll(selector)) {
      for (const [name, value] of Object.entries(attributes)) {
        const wanted = typeof value === "function" ? value(element) : value;
        if (element.getAttribute(name) !== wanted) element.setAttribute(name, wanted);
      }
    }
  }
}
new MutationObserver(complete).observe(document.getElementById("ui"), { childList: true, subtree: true });
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#ui", deepLinking: true, docExpansion: "none", filter: true,
  validatorUrl: null, plugins: [TextInsteadOfLink]
});
"""
# Text has a contrast of at least 4.5:1. On a phone, no content is squeezed into columns of a few letters.
STYLE: Final = """:root { color-scheme: light }
body { margin: 0; background: #fff }
.swagger-ui .info .title small pre { background: #55606e; color: #fff }
.swagger-ui .info .title small, .swagger-ui .info .title small.version-stamp { background: #55606e }
.swagger-ui .info .url, .swagger-ui a { color: #0b4a8f }
.swagger-ui .btn.authorize { color: #1a6b42; border-color: #1a6b42 }
.swagger-ui .btn.authorize svg { fill: #1a6b42 }
.swagger-ui .btn.execute { background: #0b4a8f; border-color: #0b4a8f }
.swagger-ui .btn.cancel { color: #a11; border-color: #a11 }
.swagger-ui .opblock .opblock-summary-method { text-shadow: none }
.swagger-ui .opblock.opblock-get .opblock-summary-method { background: #1f5f9f }
.swagger-ui .opblock.opblock-post .opblock-summary-method { background: #1a6b42 }
.swagger-ui .opblock.opblock-put .opblock-summary-method { background: #865000 }
.swagger-ui .opblock.opblock-patch .opblock-summary-method { background: #0b6660 }
.swagger-ui .opblock.opblock-delete .opblock-summary-method { background: #a11 }
.swagger-ui .parameter__name.required::after, .swagger-ui .parameter__name.required span,
.swagger-ui .opblock-section-request-body .opblock-section-header h4 small { color: #a11 }
.swagger-ui .parameter__in, .swagger-ui .parameter__deprecated, .swagger-ui .renderedMarkdown code { color: #4a4a4a }
.swagger-ui .microlight span[style*="211, 99, 99"] { color: #ff9c9c !important }
.swagger-ui [class^="json-schema-2020-12"] { color: #333 }
.swagger-ui .json-schema-2020-12-expand-deep-button { color: #404040 }
.swagger-ui .json-schema-2020-12__attribute--primary { color: #0b5a52 }
.swagger-ui input[type="text"], .swagger-ui .auth-container input, .swagger-ui textarea { border: 1px solid #595959 }
.swagger-ui .response-col_links { display: none }
.swagger-ui :focus-visible { outline: 3px solid #0b4a8f; outline-offset: 2px }
@media (max-width: 40rem) {
  .swagger-ui .wrapper { padding: 0 .5rem }
  .swagger-ui .info { margin: 1.5rem 0 }
  .swagger-ui .info .title { font-size: 1.75rem }
  .swagger-ui .opblock .opblock-summary-control { flex-wrap: wrap }
  .swagger-ui .opblock-summary-path-description-wrapper { flex: 1 1 100%; flex-direction: column;
    align-items: flex-start; padding: .5rem 0 0 }
  .swagger-ui .opblock .opblock-summary-path { max-width: 100%; flex-shrink: 1; padding: 0 }
  .swagger-ui .opblock .opblock-summary-description { padding: 0; text-align: left }
  .swagger-ui table.responses-table, .swagger-ui table.responses-table tbody, .swagger-ui table.parameters,
  .swagger-ui table.parameters tbody { display: block }
  .swagger-ui table.responses-table tr, .swagger-ui table.responses-table td, .swagger-ui table.parameters tr,
  .swagger-ui table.parameters td { display: block; width: auto; min-width: 0; padding: .25rem 0;
    max-width: none !important }
  .swagger-ui table.responses-table thead, .swagger-ui table.parameters thead,
  .swagger-ui table.responses-table td.response-col_links { display: none }
  .swagger-ui .operation-filter-input { width: 100% }
  .swagger-ui .opblock-tag small { flex: 1 1 100%; order: 3; padding: 0 }
  .swagger-ui .opblock-tag { flex-wrap: wrap }
}
"""
# Swagger UI sets inline styles. Scripts load only from this host, and requests go only to this host.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
