//! Boards, chips and apps as validated data.
