//! What was asked for, and what was measured.

use krb5_fido_protocol::spake::Group;

use crate::{
    case::{Case, Cost, Kind, find},
    client::ClientFigures,
    loading::LoadingFigures,
    report::{Section, number, table},
    soak::SoakFigures,
    statistics::to_f64,
};

/// Everything that a target is about, as far as it was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) times: Vec<Cost>,
    pub(crate) instructions: Vec<Cost>,
    pub(crate) client: Option<ClientFigures>,
    pub(crate) loading: Option<LoadingFigures>,
    pub(crate) soak: Option<SoakFigures>,
}

/// A bound on a ratio of costs.
struct Bound {
    what: String,
    at_most: f64,
    case: Case,
    to: To,
}

/// What a cost is compared to.
enum To {
    /// The stock module's login with the password only, in the same group.
    Stock,
    /// The same with one credential.
    OneCredential,
}

fn bounds() -> Vec<Bound> {
    let edwards = |what: &str, at_most, kind| Bound {
        what: what.to_owned(),
        at_most,
        case: Case::simple(kind, Group::Edwards25519),
        to: To::Stock,
    };
    let mut bounds = vec![
        edwards("password only, edwards25519", 0.70, Kind::Password),
        edwards("password and key, `clear`, edwards25519", 0.85, Kind::Clear),
        edwards(
            "password and key, `encrypted`, edwards25519",
            1.0,
            Kind::Encrypted,
        ),
    ];
    bounds.extend([Group::P256, Group::P384, Group::P521].map(|group| Bound {
        what: format!("password only, {}", group.name()),
        at_most: 1.0,
        case: Case::simple(Kind::Password, group),
        to: To::Stock,
    }));
    bounds.extend(
        [("clear", Kind::Clear), ("encrypted", Kind::Encrypted)].map(|(name, kind)| Bound {
            what: format!("100 credentials instead of 1, `{name}`"),
            at_most: 1.1,
            case: Case {
                credentials: 100,
                ..Case::simple(kind, Group::Edwards25519)
            },
            to: To::OneCredential,
        }),
    );
    bounds
}

impl Bound {
    /// The measured ratio.
    fn ratio(&self, costs: &[Cost]) -> Option<f64> {
        let cost = find(costs, self.case)?;
        match self.to {
            To::Stock => Some(cost.ratio.median),
            To::OneCredential => {
                let one = Case {
                    credentials: 1,
                    ..self.case
                };
                Some(cost.amount.median / find(costs, one)?.amount.median)
            }
        }
    }

    fn row(&self, figures: &Figures) -> Vec<String> {
        let cell = |costs| judge(self.ratio(costs), self.at_most, 2);
        vec![
            self.what.clone(),
            number(self.at_most, 2),
            cell(&figures.times),
            cell(&figures.instructions),
        ]
    }
}

/// A value and whether it is within its bound.
fn judge(value: Option<f64>, at_most: f64, decimals: usize) -> String {
    match value {
        None => "not measured".to_owned(),
        Some(value) if value <= at_most => format!("{}, met", number(value, decimals)),
        Some(value) => format!("{}, **missed**", number(value, decimals)),
    }
}

/// The first section of the document.
pub(crate) fn judge_all(figures: &Figures) -> Section {
    let costs: Vec<_> = bounds().iter().map(|bound| bound.row(figures)).collect();
    let (client, loading, soak) = (figures.client, figures.loading, figures.soak);
    let others = [
        (
            "client: ms more than stock, password only",
            5.0,
            client.map(|found| found.password_extra),
        ),
        (
            "client: ms more than stock, with a key, `encrypted`",
            5.0,
            client.map(|found| found.encrypted_extra),
        ),
        (
            "client: ms more than stock, with a key, `clear`",
            5.0,
            client.map(|found| found.clear_extra),
        ),
        (
            "client module on disk, MiB",
            2.0,
            loading.map(|found| to_f64(found.size) / 1_048_576.0),
        ),
        (
            "client module: ms more than stock to load",
            1.0,
            loading.map(|found| found.load_extra),
        ),
        (
            "rpId from the public suffix list, ms",
            3.0,
            loading.map(|found| found.rp_id),
        ),
        (
            "KDC: MiB of growth beyond stock's",
            0.0,
            soak.map(|found| found.beyond_stock),
        ),
        (
            "KDC: descriptors more than at first",
            0.0,
            soak.map(|found| found.descriptors),
        ),
    ];
    let others: Vec<_> = others
        .into_iter()
        .map(|(what, at_most, value)| vec![what.to_owned(), number(at_most, 2), judge(value, at_most, 2)])
        .collect();
    let text = format!(
        "KDC cost of a login as a ratio to the stock module's with the password only in the same group, or to ours with \
         one credential:\n\n{}\n{}",
        table(&["login", "at most", "CPU time", "instructions"], &costs),
        table(&["what", "at most", "measured"], &others),
    );
    Section::new("Targets", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Summary;

    fn exactly(value: f64) -> Summary {
        Summary {
            median: value,
            low: value,
            high: value,
        }
    }

    fn cost(kind: Kind, credentials: usize, amount: f64, ratio: f64) -> Cost {
        let case = Case {
            credentials,
            ..Case::simple(kind, Group::Edwards25519)
        };
        Cost {
            case,
            amount: exactly(amount),
            ratio: exactly(ratio),
            module: None,
        }
    }

    #[test]
    fn a_value_at_its_bound_meets_it() {
        assert_eq!(judge(Some(0.7), 0.7, 2), "0.70, met");
        assert_eq!(judge(Some(0.71), 0.7, 2), "0.71, **missed**");
        assert_eq!(judge(None, 0.7, 2), "not measured");
    }

    #[test]
    fn ratios_are_to_stock_or_to_one_credential() {
        let figures = Figures {
            times: vec![
                cost(Kind::Encrypted, 1, 200.0, 0.9),
                cost(Kind::Encrypted, 100, 240.0, 1.1),
            ],
            ..Figures::default()
        };
        let text = judge_all(&figures).render();
        for line in [
            "| password only, edwards25519 | 0.70 | not measured | not measured |",
            "| password and key, `encrypted`, edwards25519 | 1.00 | 0.90, met | not measured |",
            "| 100 credentials instead of 1, `encrypted` | 1.10 | 1.20, **missed** | not measured |",
            "| client module on disk, MiB | 2.00 | not measured |",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
