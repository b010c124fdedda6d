//! DER as a tree, and changes to it that leave everything around the changed value well-formed.

use super::dice::Dice;
use crate::der::{self, OCTET_STRING, Value};

/// The bit of a tag that says that values lie within.
const CONSTRUCTED: u8 = 0x20;
/// How deep values are nested at most where nesting is the change.
const NESTING_MAX: usize = 400;

/// A value, or bytes that are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A value without others in it.
    Leaf { tag: u8, content: Vec<u8> },
    /// A value made of others: a constructed one, or an OCTET STRING that holds DER.
    Branch { tag: u8, nodes: Vec<Node> },
    /// What is written as it is.
    Raw(Vec<u8>),
}

impl Node {
    /// Reads values that fill `bytes`; `None` if something else is there.
    pub(super) fn read_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let mut nodes = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (value, next) = Value::read(rest)?;
            nodes.push(Self::of(value));
            rest = next;
        }
        Some(nodes)
    }

    fn of(value: Value<'_>) -> Self {
        let Value { tag, content } = value;
        let holds_others = match content.first() {
            Some(first) => tag & CONSTRUCTED != 0 || (tag == OCTET_STRING && first & CONSTRUCTED != 0),
            None => false,
        };
        match holds_others.then(|| Self::read_all(content)).flatten() {
            Some(nodes) => Self::Branch { tag, nodes },
            None => Self::Leaf {
                tag,
                content: content.to_vec(),
            },
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf { tag, content } => der::value(*tag, content),
            Self::Branch { tag, nodes } => der::value(*tag, &encode_all(nodes)),
            Self::Raw(bytes) => bytes.clone(),
        }
    }

    fn tag(&self) -> u8 {
        match self {
            Self::Leaf { tag, .. } | Self::Branch { tag, .. } => *tag,
            Self::Raw(_) => 0,
        }
    }

    fn content(&self) -> Vec<u8> {
        match self {
            Self::Leaf { content, .. } => content.clone(),
            Self::Branch { nodes, .. } => encode_all(nodes),
            Self::Raw(bytes) => bytes.clone(),
        }
    }
}

pub(super) fn encode_all(nodes: &[Node]) -> Vec<u8> {
    nodes.iter().flat_map(Node::encode).collect()
}

/// Changes one value somewhere in `bytes`; what is no DER is left as it is.
pub(super) fn change_value(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let Some(donor) = Node::read_all(bytes).filter(|nodes| !nodes.is_empty()) else {
        return bytes.to_vec();
    };
    loop {
        let mut nodes = donor.clone();
        let at = dice.number(..count(&nodes));
        change_at(dice, &mut nodes, at, &donor);
        let changed = encode_all(&nodes);
        if changed != bytes {
            return changed;
        }
    }
}

fn count(nodes: &[Node]) -> usize {
    let below = |node: &Node| match node {
        Node::Branch { nodes, .. } => count(nodes),
        _ => 0,
    };
    nodes.iter().map(|node| 1 + below(node)).sum()
}

/// Changes the value `at` in the order in which they are written, and tells how many values are left to go otherwise.
fn change_at(dice: &mut Dice, nodes: &mut Vec<Node>, mut at: usize, donor: &[Node]) -> Option<usize> {
    for index in 0..nodes.len() {
        if at == 0 {
            change_list(dice, nodes, index, donor);
            return None;
        }
        at -= 1;
        if let Node::Branch { nodes, .. } = &mut nodes[index] {
            at = change_at(dice, nodes, at, donor)?;
        }
    }
    Some(at)
}

fn change_list(dice: &mut Dice, nodes: &mut Vec<Node>, index: usize, donor: &[Node]) {
    let last = nodes.len() - 1;
    match dice.number(..10) {
        0 => drop(nodes.remove(index)),
        1 => nodes.insert(index, nodes[index].clone()),
        2 => nodes.swap(index, dice.number(..=last)),
        3 => nodes.insert(index, some_node(dice, donor)),
        4 => nodes[index] = some_node(dice, donor),
        5 => nodes.push(extension(dice)),
        _ => nodes[index] = change_node(dice, &nodes[index]),
    }
}

fn change_node(dice: &mut Dice, node: &Node) -> Node {
    let (tag, content) = (node.tag(), node.content());
    match dice.number(..9) {
        0 => Node::Leaf {
            tag: dice.octet(),
            content,
        },
        1 => Node::Leaf {
            tag: tag ^ (1 << dice.number(..8)),
            content,
        },
        2 => Node::Raw(lie_about_length(dice, tag, &content)),
        3 => Node::Leaf {
            tag,
            content: Vec::new(),
        },
        4 => Node::Leaf {
            tag,
            content: dice.octets_of_some_length(),
        },
        5 => Node::Leaf {
            tag,
            content: dice.integer(),
        },
        6 => nest(dice, node),
        7 => Node::Leaf {
            tag,
            content: content[..dice.number(..=content.len())].to_vec(),
        },
        _ => Node::Leaf {
            tag,
            content: super::bytes::change(dice, &content),
        },
    }
}

/// A value whose length is indefinite, longer than need be, or another than its content's.
fn lie_about_length(dice: &mut Dice, tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., second, first] = content.len().to_be_bytes();
    let length = match dice.number(..9) {
        0 => vec![0x80],
        1 => vec![0x81, first],
        2 => vec![0x82, second, first],
        3 => vec![0x84, 0, 0, second, first],
        4 => [&[0x88, 0, 0, 0, 0, 0, 0][..], &[second, first]].concat(),
        5 => vec![0x84, 0xff, 0xff, 0xff, 0xff],
        6 => [&[0x88][..], &[0xff; 8]].concat(),
        7 => vec![0xff],
        _ => vec![dice.octet()],
    };
    [&[tag][..], &length, content].concat()
}

fn nest(dice: &mut Dice, node: &Node) -> Node {
    let tag = node.tag() | CONSTRUCTED;
    let mut bytes = node.encode();
    for _ in 0..dice.number(1..NESTING_MAX) {
        bytes = der::value(tag, &bytes);
    }
    Node::Raw(bytes)
}

/// A value under some context tag.
fn extension(dice: &mut Dice) -> Node {
    let number = dice.octet() & 0x1e;
    let content = dice.octets_of_some_length();
    Node::Raw(der::tagged(number, &der::octets(&content)))
}

/// A copy of a value from somewhere else.
fn some_node(dice: &mut Dice, donor: &[Node]) -> Node {
    let mut nodes = donor;
    loop {
        match &nodes[dice.number(..nodes.len())] {
            Node::Branch { nodes: below, .. } if !below.is_empty() && !dice.once_in(3) => nodes = below,
            node => return node.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let inner = der::sequence(&[der::tagged(0, &der::integer(5)), der::string("name")]);
        der::application(10, &der::sequence(&[der::octets(&inner), der::octets(b"\xff")]))
    }

    #[test]
    fn reading_and_writing_changes_nothing() {
        assert_eq!(encode_all(&Node::read_all(&message()).unwrap()), message());
    }

    #[test]
    fn values_within_octet_strings_are_found() {
        // Both outer values, two OCTET STRINGs, and in the first a SEQUENCE of a tagged INTEGER and a string.
        assert_eq!(count(&Node::read_all(&message()).unwrap()), 8);
    }

    #[test]
    fn every_change_is_one() {
        for number in 0..1000 {
            assert_ne!(change_value(&mut Dice::new(7, number), &message()), message());
        }
    }

    #[test]
    fn what_is_no_der_is_left_as_it_is() {
        for bytes in [&b""[..], b"\x30\x05\x00"] {
            assert_eq!(change_value(&mut Dice::new(7, 0), bytes), bytes);
        }
    }
}
