//! Names of users and groups, from the text of `/etc/passwd` and `/etc/group`.
//!
//! Users of directory services are not in these files. Their names are then missing from sentences, nothing else.

/// The name of user or group `id`.
pub(super) fn name_of(file: &str, id: u32) -> Option<&str> {
    let mut entries = file.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        Some((name, number.parse::<u32>().ok()?))
    });
    entries.find(|(_, number)| *number == id).map(|(name, _)| name)
}

/// Whether `user` is listed as a member of group `id`.
pub(super) fn is_member(groups: &str, id: u32, user: &str) -> bool {
    groups.lines().any(|line| {
        let mut fields = line.split(':').skip(2);
        let number = fields.next().and_then(|number| number.parse().ok());
        let members = fields.next().unwrap_or_default();
        number == Some(id) && members.split(',').any(|member| member == user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GROUPS: &str = "root:x:0:\ndialout:x:20:ada,grace\nbroken\n:::\nplugdev:x:46:grace\n";

    #[test]
    fn names_and_members_are_found() {
        assert_eq!(name_of(GROUPS, 20), Some("dialout"));
        assert_eq!(name_of(GROUPS, 21), None);
        assert_eq!(name_of("ada:x:1000:1000:Ada,,,:/home/ada:/bin/sh", 1000), Some("ada"));
        assert!(is_member(GROUPS, 20, "ada") && is_member(GROUPS, 20, "grace"));
        assert!(!is_member(GROUPS, 46, "ada") && !is_member(GROUPS, 0, "ada") && !is_member(GROUPS, 20, "ad"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[a-z0-9:,\n]{0,80}", id: u32, user in "[a-z]{0,4}") {
            let _ = (name_of(&text, id), is_member(&text, id, &user));
        }

        #[test]
        fn a_group_among_others_is_found(before in "([a-z]{1,5}:x:[0-9]{1,3}:[a-z,]{0,9}\n){0,5}", id in 1000_u32.., user in "[a-z]{1,8}") {
            let text = format!("{before}boards:x:{id}:someone,{user}\n");
            prop_assert_eq!(name_of(&text, id), Some("boards"));
            prop_assert!(is_member(&text, id, &user));
        }
    }
}
