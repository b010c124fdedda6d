//! Values of relation `fido_device`.

use std::path::{Path, PathBuf};

use crate::Error;

const UNIX_PREFIX: &str = "unix:";

/// Where to look for security keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// `auto`: every attached key that this user may open.
    Auto,
    /// `none`: nowhere.
    None,
    /// An absolute path: the device there.
    Path(PathBuf),
    /// `unix:` and an absolute path: the software key that listens on that socket.
    Unix(PathBuf),
}

impl DeviceSpec {
    /// Parses `auto`, `none`, an absolute path, or `unix:` and an absolute path.
    ///
    /// # Errors
    /// [`Error::InvalidDeviceSpec`].
    pub fn parse(value: &str) -> Result<Self, Error> {
        match value {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            _ => match value.strip_prefix(UNIX_PREFIX) {
                Some(path) => parse_path(path).map(Self::Unix),
                None => parse_path(value).map(Self::Path),
            },
        }
    }
}

fn parse_path(path: &str) -> Result<PathBuf, Error> {
    if path.contains('\0') || !Path::new(path).is_absolute() {
        return Err(Error::InvalidDeviceSpec);
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form() {
        assert_eq!(DeviceSpec::parse("auto").unwrap(), DeviceSpec::Auto);
        assert_eq!(DeviceSpec::parse("none").unwrap(), DeviceSpec::None);
        assert_eq!(
            DeviceSpec::parse("/dev/hidraw0").unwrap(),
            DeviceSpec::Path("/dev/hidraw0".into())
        );
        assert_eq!(
            DeviceSpec::parse("unix:/run/key").unwrap(),
            DeviceSpec::Unix("/run/key".into())
        );
    }

    #[test]
    fn refuses_everything_else() {
        for value in [
            "",
            "AUTO",
            " auto",
            "auto ",
            "hidraw0",
            "dev/hidraw0",
            "unix:",
            "unix:key",
            "unix: /key",
            "UNIX:/key",
            "/dev/hid\0raw",
            "unix:/k\0",
        ] {
            let parsed = DeviceSpec::parse(value);
            assert!(matches!(parsed, Err(Error::InvalidDeviceSpec)), "{value:?}");
        }
    }
}
