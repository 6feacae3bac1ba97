//! The file that tells browsers which proxy to use (proxy auto-configuration).

use super::{Body, full};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

/// The file, if that is what a request is for. It names the address by which the browser reached us.
pub(super) fn answer(request: &Request<Incoming>) -> Option<Response<Body>> {
    let own = request.uri().scheme().is_none() && request.uri().authority().is_none();
    let path = request.uri().path();
    if !own || !matches!(path, "/proxy.pac" | "/wpad.dat") || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let address = request.headers().get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_address(host))?;
    let mut answer = Response::new(full(script(address)));
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ns-proxy-autoconfig"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
    Some(answer)
}

/// Nothing but what a host and a port are made of: it becomes part of a script.
fn is_address(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b))
}

fn script(address: &str) -> String {
    let address = if address.rsplit(']').next().unwrap_or_default().contains(':') {
        address.to_owned()
    } else {
        // A browser leaves out the usual port.
        format!("{address}:80")
    };
    format!(
        "function FindProxyForURL(url, host) {{\n  \
           if (host == \"localhost\" || shExpMatch(host, \"*.localhost\") || shExpMatch(host, \"127.*\") || host == \"::1\" || host == \"[::1]\") {{\n    \
             return \"DIRECT\";\n  }}\n  return \"PROXY {address}\";\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_names_the_address_that_was_asked() {
        for (host, named) in
            [("proxy.example:3128", "proxy.example:3128"), ("wpad", "wpad:80"), ("[::1]:3128", "[::1]:3128")]
        {
            assert!(is_address(host) && script(host).contains(&format!("\"PROXY {named}\"")), "{host}");
        }
        assert!(!is_address("a\";alert(1);\"") && !is_address(""));
    }
}
