//! QR codes, drawn as SVG.

/// A QR code as a path of SVG and the length of its sides, quiet zone included (ISO/IEC 18004, 5.3.8: four modules).
pub(super) fn picture(text: &str) -> Option<(String, usize)> {
    const QUIET: usize = 4;
    let code = qrcode::QrCode::new(text).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == qrcode::Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET));
        }
    }
    Some((path, width + 2 * QUIET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_drawn() {
        let text = "otpauth://totp/Lazaret:anna%40example?secret=GEZDGNBV&issuer=Lazaret";
        let (path, side) = picture(text).unwrap();
        assert!(path.starts_with("M4 4h1v1h-1z") && side > 30, "the corner of the finder pattern is dark");
    }
}
